// SPDX-License-Identifier: Apache-2.0
import type { CountedTable } from './read-table.ts';
import type { IpvsTable, RealServer, VirtualService } from './virtual-service.ts';

/**
 * The table with those servers that are to end what they have: a server that is taken out of the kernel's table takes its
 * connections with it, so it first stays with weight 0. Not over UDP, where there is nothing to end and a client would stay with
 * it, nor where connections of removed back ends are to be reset, but for those that are ending. Pure.
 *
 * @param before what was wanted until now, with those that were leaving then
 * @param wanted a service that is the same object as in `wantedBefore` is not looked at
 * @param spared of a service whose removed back ends are reset: keys of those that are not; undefined: none is reset
 */
export function withLeaving(
  { before, wantedBefore }: { readonly before: IpvsTable; readonly wantedBefore: IpvsTable },
  wanted: IpvsTable,
  spared: (id: string) => ReadonlySet<string> | undefined,
): IpvsTable {
  const table = new Map<string, VirtualService>();
  for (const [id, service] of wanted) {
    const old = before.get(id);
    const keys = spared(id);
    const isSame = old !== undefined && wantedBefore.get(id) === service && keys === undefined;
    table.set(id, isSame ? old : keepLeaving(old, service, keys));
  }
  return table;
}

function keepLeaving(
  before: VirtualService | undefined,
  service: VirtualService,
  spared: ReadonlySet<string> | undefined,
): VirtualService {
  if (before === undefined || service.protocol === 'udp') return service;
  const leaving = [...before.servers].filter(
    ([key]) => !service.servers.has(key) && spared?.has(key) !== false,
  );
  if (leaving.length === 0) return service;
  const quiet = leaving.map(([key, server]): [string, RealServer] => [key, { ...server, weight: 0 }]);
  return { ...service, servers: new Map([...service.servers, ...quiet]) };
}

/** The table without those leaving servers that have no connection any more. Itself when there is none. Pure. */
export function withoutGone(table: IpvsTable, wanted: IpvsTable, counted: CountedTable): IpvsTable {
  let changed: Map<string, VirtualService> | undefined;
  for (const [id, service] of table) {
    const target = wanted.get(id);
    if (target === undefined || target.servers.size === service.servers.size) continue;
    const seen = counted.get(id)?.servers;
    const servers = new Map(
      [...service.servers].filter(([key]) => {
        const counts = seen?.get(key);
        const isEmpty = counts === undefined || counts.activeConnections + counts.inactiveConnections === 0;
        return target.servers.has(key) || !isEmpty;
      }),
    );
    if (servers.size === service.servers.size) continue;
    changed ??= new Map(table);
    changed.set(id, servers.size === target.servers.size ? target : { ...service, servers });
  }
  return changed ?? table;
}
