#!/usr/bin/perl
# token_server.pl KEY CERTIFICATE: gives tokens for Debian's docker-registry (distribution, "Token Authentication
# Specification" and its OAuth2 form) to the user "me" with the password "geheim" or the identity token "identity", for the
# scope that is asked for. Says its port, then a line for each token.
use strict;
use warnings;
use IO::Socket::INET;
use MIME::Base64 qw(decode_base64 encode_base64url);

my ($key, $certificate) = @ARGV;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "no socket: $!";
$| = 1;
print $server->sockport, "\n";

my $pem = do { local (@ARGV, $/) = $certificate; <> };
my ($der) = $pem =~ /-----BEGIN CERTIFICATE-----(.*)-----END/s;
$der =~ s/\s//g;

sub sign {
  my $text = shift;
  open my $file, '>', 'token.txt' or die;
  print $file $text;
  close $file;
  return encode_base64url(scalar `openssl dgst -sha256 -sign '$key' token.txt`);
}

sub token {
  my ($type, $name, $actions) = split /:/, shift;
  my $list = join ',', map { "\"$_\"" } split /,/, $actions;
  my $now = time;
  my $head = encode_base64url("{\"typ\":\"JWT\",\"alg\":\"RS256\",\"x5c\":[\"$der\"]}");
  my $claims = encode_base64url("{\"iss\":\"ros test\",\"sub\":\"me\",\"aud\":\"the registry\",\"exp\":" . ($now + 300) .
    ",\"nbf\":" . ($now - 10) . ",\"iat\":$now,\"jti\":\"1\"," .
    "\"access\":[{\"type\":\"$type\",\"name\":\"$name\",\"actions\":[$list]}]}");
  return "$head.$claims." . sign("$head.$claims");
}

while (my $client = $server->accept) {
  my ($request, $length, $user, $body) = (scalar <$client>, 0, '', '');
  while ((my $line = <$client>) =~ /\S/) {
    $length = $1 if $line =~ /^content-length: (\d+)/i;
    $user = decode_base64($1) if $line =~ /^authorization: Basic (\S+)/i;
  }
  read $client, $body, $length;
  my $asked = $request . $body;
  $asked =~ s/%([0-9A-F]{2})/chr hex $1/ge;
  my ($scope) = $asked =~ /[?&]scope=(repository:[a-z\/]+:[a-z,]+)/;
  my $known = $user eq 'me:geheim' || $asked =~ /grant_type=refresh_token&refresh_token=identity$/;
  my $name = $request =~ /^POST/ ? 'access_token' : 'token';
  my ($status, $answer) = ('401 No', '{}');
  ($status, $answer) = ('200 Yes', "{\"$name\": \"" . token($scope) . '"}') if $known && $scope && $asked =~ /service=the registry/;
  print $client "HTTP/1.1 $status\r\nContent-Length: ", length $answer, "\r\nConnection: close\r\n\r\n$answer";
  close $client;
  print "$name ", $scope // 'none', " $status\n";
}
