# shellcheck shell=bash
# A registry for tests that are shell scripts: Debian's docker-registry on the loopback.
registries=()

# start_registry NAME [HTTP [MORE]]: a registry with its data in NAME; $number is its port, NAME.log what it says. HTTP is added to
# the configuration of its server ("tls: {...}"), MORE to the whole ("auth: {...}").
start_registry() {
  local name=$1
  cat >"$name.yml" <<END
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $scratch/$name}, delete: {enabled: true}}
http: {addr: "127.0.0.1:0"${2:+, $2}}
${3:-}
END
  mkfifo "$name.said" "$name.port"
  # It takes a free port and tells which. All that it says is in NAME.log.
  sed -un -e "w $name.log" -e 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' <"$name.said" >"$name.port" &
  # It would take the file of its clients' passwords for a setting of its own.
  env -u REGISTRY_AUTH_FILE docker-registry serve "$name.yml" >"$name.said" 2>&1 &
  registries+=($!)
  read -rt 60 number <"$name.port" || { echo "FAILED: no registry"; exit 1; }
}

# start_token_server KEY CERTIFICATE: token_server.pl; $token_port is its port, token_server.said what it says after that.
start_token_server() {
  mkfifo token_server.port
  "$here/support/token_server.pl" "$1" "$2" >token_server.port &
  registries+=($!)
  exec {token_fd}<token_server.port
  read -rt 60 token_port <&"$token_fd" || { echo "FAILED: no token server"; exit 1; }
  cat <&"$token_fd" >token_server.said &
}

# start_cutting_proxy PORT BYTES: cutting_proxy.pl; $cutting_port is its port, cutting_proxy.said what it says after that.
start_cutting_proxy() {
  mkfifo cutting_proxy.port
  "$here/support/cutting_proxy.pl" "$1" "$2" >cutting_proxy.port &
  registries+=($!)
  exec {cutting_fd}<cutting_proxy.port
  read -rt 60 cutting_port <&"$cutting_fd" || { echo "FAILED: no cutting proxy"; exit 1; }
  cat <&"$cutting_fd" >cutting_proxy.said &
}

end_registries() {
  [[ ${#registries[@]} -eq 0 ]] || kill "${registries[@]}" 2>/dev/null
}
