// SPDX-License-Identifier: Apache-2.0
/** How the rivals are set up: each as its documentation has it for plain TCP, with nothing that slows it down. Pure. */

/** A back end as all of them see it. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Port on which every case is asked, but those without a balancer. */
export const FRONT_PORT = 80;

/** nginx as a web server behind a balancer: a few bytes, from memory, over as many kept connections as one likes. */
export function webServerConfig(port: number, directory: string): string {
  return `daemon off;
user root;
worker_processes auto;
pid ${directory}/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${directory};
  proxy_temp_path ${directory};
  fastcgi_temp_path ${directory};
  uwsgi_temp_path ${directory};
  scgi_temp_path ${directory};
  keepalive_requests 1000000000;
  server {
    listen ${port} backlog=4096;
    location / { return 200 "ok\\n"; }
  }
}
`;
}

/** HAProxy, a thread per processor. */
export function haproxyConfig(address: string, targets: readonly Target[]): string {
  const servers = targets.map(({ address: host, port }, index) => `  server s${index} ${host}:${port}`);
  return `global
  maxconn 8192
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen bench
  bind ${address}:${FRONT_PORT} backlog 4096
  balance roundrobin
${servers.join('\n')}
`;
}

/** nginx with its stream module, a process per processor. */
export function nginxStreamConfig(address: string, targets: readonly Target[], directory: string): string {
  const servers = targets.map(({ address: host, port }) => `    server ${host}:${port};`);
  return `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
worker_processes auto;
pid ${directory}/nginx-stream.pid;
error_log stderr crit;
events { worker_connections 4096; }
stream {
  upstream pods {
${servers.join('\n')}
  }
  server {
    listen ${address}:${FRONT_PORT} reuseport backlog=4096;
    proxy_pass pods;
  }
}
`;
}

/** What somebody who knows nftables writes by hand for one address: the least that does the same as our NAT. */
export function handwrittenRules(address: string, targets: readonly Target[]): string {
  const slots = targets.map(({ address: host, port }, index) => `${index} : ${host} . ${port}`).join(', ');
  return `table ip by-hand {
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    ip daddr ${address} tcp dport ${FRONT_PORT} dnat ip to numgen inc mod ${targets.length} map { ${slots} }
  }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept;
    ct status dnat masquerade fully-random
  }
}
`;
}
