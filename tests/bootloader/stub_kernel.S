# A "kernel" of one kilobyte for tests of the boot loader: it has the header of a Linux bzImage
# (Documentation/x86/boot.rst of Linux), prints its tag, its command line and the first line of its
# initrd on the first serial port, and ends QEMU by the isa-debug-exit device at port 0xf4.
    .text
    .globl _start
_start:
    .org 0x1f1
    .byte 1                 # setup_sects
    .word 0                 # root_flags
    .long 0x20              # syssize, in 16 bytes
    .word 0                 # ram_size
    .word 0                 # vid_mode
    .word 0                 # root_dev
    .word 0xaa55            # boot_flag
    .byte 0xeb, setup - 0x202 # jump: the entry of a loader that stays in real mode (syslinux)
    .ascii "HdrS"
    .word 0x0206            # version
    .long 0                 # realmode_swtch
    .word 0                 # start_sys_seg
    .word 0                 # kernel_version
    .byte 0                 # type_of_loader
    .byte 1                 # loadflags: LOADED_HIGH
    .word 0                 # setup_move_size
    .long 0x100000          # code32_start
    .long 0                 # ramdisk_image
    .long 0                 # ramdisk_size
    .long 0                 # bootsect_kludge
    .word 0                 # heap_end_ptr
    .byte 0, 0              # ext_loader_ver, ext_loader_type
    .long 0                 # cmd_line_ptr
    .long 0x7fffffff        # initrd_addr_max
    .long 0x1000            # kernel_alignment
    .byte 0                 # relocatable_kernel
    .byte 0                 # min_alignment
    .word 0                 # xloadflags
    .long 2047              # cmdline_size

    # As the 16-bit part of a kernel: %ds is where the header is; from there on to the 32-bit part.
    .code16
setup:
    cli
    xorl %eax, %eax
    movw %ds, %ax
    shll $4, %eax
    movl %eax, %esi         # in the place of boot_params: the header's fields are the same
    addl $gdt, %eax
    movl %eax, gdt_register + 2
    lgdtl gdt_register
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    movw $0x18, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    ljmpl $0x10, $0x100000
    .balign 8
gdt:
    .quad 0, 0
    .quad 0x00cf9a000000ffff # code and data: flat, 4 GiB
    .quad 0x00cf92000000ffff
gdt_register:
    .word gdt_register - gdt - 1
    .long 0

    .org 0x400
    .code32
    cld
    movl %esi, %ebp         # boot_params
    call 1f
1:  popl %ebx
    leal (message - 1b)(%ebx), %esi
    call print_line
    leal (tag - 1b)(%ebx), %esi
    call print_line
    movl 0x228(%ebp), %esi  # cmd_line_ptr
    call print_line
    movl 0x218(%ebp), %esi  # ramdisk_image
    call print_line
    leal (end - 1b)(%ebx), %esi
    call print_line
2:  movw $0x3fd, %dx        # until the last character has left
    inb %dx, %al
    testb $0x40, %al
    jz 2b
    movb $0x10, %al
    outb %al, $0xf4         # QEMU's exit code: 0x10 * 2 + 1
3:  hlt
    jmp 3b

# Prints from %esi up to a zero or a newline, then a newline.
print_line:
    lodsb
    testb %al, %al
    jz 4f
    cmpb $'\n', %al
    je 4f
    call print_character
    jmp print_line
4:  movb $'\n', %al
print_character:
    movb %al, %ah
    movw $0x3fd, %dx
5:  inb %dx, %al
    testb $0x20, %al
    jz 5b
    movb %ah, %al
    movw $0x3f8, %dx
    outb %al, %dx
    ret

message: .asciz "STUB KERNEL"
end:     .asciz "STUB END"
# The test puts a name here.
tag:     .fill 31, 1, 0x40
         .byte 0
    .org 0x600
