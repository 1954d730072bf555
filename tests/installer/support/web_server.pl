#!/usr/bin/perl
# web_server.pl [--no-ranges]: the files of this directory by HTTP, as a static web server gives them, whole or in ranges; those
# below closed/ to the user "me" with the password "geheim". Says its port, then a line for each request.
use strict;
use warnings;
use IO::Socket::INET;
use MIME::Base64 qw(decode_base64);

my $ranges = !@ARGV;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "no socket: $!";
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
$| = 1;
print $server->sockport, "\n";

sub answer {
  my ($client, $status, $body, @headers) = @_;
  print $client join("\r\n", "HTTP/1.1 $status", "Content-Length: " . length $body, 'Connection: close', @headers, '', ''), $body;
}

sub serve {
  my $client = shift;
  my ($path) = scalar(<$client>) =~ m{^GET /([a-z0-9./-]+)} or return answer($client, '400 No', '');
  my ($first, $last, $user) = (undef, undef, '');
  while ((my $line = <$client>) =~ /\S/) {
    ($first, $last) = ($1, $2) if $line =~ /^range: bytes=(\d+)-(\d+)\s*$/i;
    $user = decode_base64($1) if $line =~ /^authorization: Basic (\S+)/i;
  }
  print "$path ", $first // 'whole', ' ', $last // '', "\n";
  return answer($client, '401 No', '', 'WWW-Authenticate: Basic realm="here"') if $path =~ /^closed/ && $user ne 'me:geheim';
  open my $file, '<:raw', $path or return answer($client, '404 No', '');
  my $size = -s $file;
  ($first, $last) = (0, $size - 1) if !$ranges || !defined $first;
  $last = $size - 1 if $last >= $size;
  seek $file, $first, 0;
  read $file, my $body, $last - $first + 1;
  my $part = $ranges && length $body < $size;
  answer($client, $part ? '206 Part' : '200 Yes', $body, 'ETag: "' . (stat $file)[9] . '"',
    $part ? "Content-Range: bytes $first-$last/$size" : ());
}

while (my $client = $server->accept) {
  next if fork;
  serve($client);
  exit 0;
}
