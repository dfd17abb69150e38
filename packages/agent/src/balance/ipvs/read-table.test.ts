// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { readTable } from './read-table.ts';

/** As Linux 6.1 printed it. */
const PRINTED = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  [fd00:0000:0000:0000:0000:0000:0000:0001]:0050 sh persistent 60 128
  -> [fd00:0000:0000:0000:0000:0000:0000:0002]:0051      Masq    5      2          1         
FWM  00000001 rr  
  -> 0A000001:0000      Route   1      0          0         
UDP  C0A871C8:0035 rr  
  -> C0A87116:0035      Local   1      0          0         
  -> C0A87117:0035      Tunnel  0      0          7         
SCTP  01020304:0035 wlc persistent 300 FFFFFFFF
`;

describe('readTable', () => {
  const table = readTable(PRINTED);

  it('reads services of both families and all protocols, but not those by packet mark', () => {
    expect(
      [...table.values()].map(({ servers, ...service }) => ({ ...service, servers: [...servers.values()] })),
    ).toEqual([
      {
        id: 'tcp/80/fd00::1',
        protocol: 'tcp',
        address: 'fd00::1',
        port: 80,
        scheduler: 'sh',
        persistentSeconds: 60,
        servers: [
          {
            address: 'fd00::2',
            port: 81,
            forwarding: 'masq',
            weight: 5,
            activeConnections: 2,
            inactiveConnections: 1,
          },
        ],
      },
      {
        id: 'udp/53/192.168.113.200',
        protocol: 'udp',
        address: '192.168.113.200',
        port: 53,
        scheduler: 'rr',
        persistentSeconds: undefined,
        servers: [
          expect.objectContaining({ address: '192.168.113.22', forwarding: 'local', weight: 1 }),
          expect.objectContaining({
            address: '192.168.113.23',
            forwarding: 'tunnel',
            inactiveConnections: 7,
          }),
        ],
      },
      expect.objectContaining({ id: 'sctp/53/1.2.3.4', scheduler: 'wlc', persistentSeconds: 300 }),
    ]);
  });

  it('leaves out what nobody asks for', () => {
    const one = readTable(PRINTED, new Set(['udp/53/192.168.113.200']));
    expect([...one.keys()]).toEqual(['udp/53/192.168.113.200']);
    expect(readTable('')).toEqual(new Map());
  });
});
