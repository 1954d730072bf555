#!/usr/bin/perl
# cutting_proxy.pl PORT BYTES: a line to 127.0.0.1:PORT that ends each connection once so many bytes have come back from
# there, whatever they are. Says its port, then a line for each connection that it has cut.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($port, $bytes) = @ARGV;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "no socket: $!";
$| = 1;
$SIG{CHLD} = 'IGNORE';
print $server->sockport, "\n";

# pass FROM, TO, MOST: hands on what has come, MOST bytes of it; how much that was, nothing at the end.
sub pass {
  my ($from, $to, $most) = @_;
  my $got = sysread $from, my $piece, $most > 65536 ? 65536 : $most;
  return unless $got;
  for (my $done = 0; $done < $got;) {
    my $sent = syswrite $to, $piece, $got - $done, $done;
    return unless $sent;
    $done += $sent;
  }
  return $got;
}

while (my $client = $server->accept) {
  next if fork;
  my $origin = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "nobody there: $!";
  my $ready = IO::Select->new($client, $origin);
  my $left = $bytes;
  while (my ($from) = $ready->can_read) {
    my $is_back = $from == $origin;
    my $passed = pass($from, $is_back ? $client : $origin, $is_back ? $left : 65536) or last;
    $left -= $passed if $is_back;
    print("cut\n"), last if $left == 0;
  }
  exit 0;
}
