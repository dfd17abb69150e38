// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import type { NftTable } from '../../system/nft.ts';
import { dropTableScript } from '../../system/nft.ts';
import { type Frontend, sameFrontend } from '../model/frontend.ts';

/** Name of the balancer's tables, one per family. */
const TABLE = 'fairlead';

/** The tables of the balancer. */
export const BALANCE_TABLES: readonly NftTable[] = [
  { family: 'ip', name: TABLE },
  { family: 'ip6', name: TABLE },
];

/**
 * The tables without frontends.
 *
 * - Priority -110 comes before kube-proxy's -100 in prerouting and output: once a connection has a destination, later nat
 *   chains are not asked. Postrouting at 90 comes before kube-proxy's 100 for the same reason.
 * - Masquerading needs no packet mark (marks belong to CNIs and kube-proxy): the connection's original destination says
 *   whether it came through a frontend that wants it.
 * - A frontend without backends is refused in the input hook, where its packets end up because the address is local;
 *   without this a program of the node that listens on the same port would answer.
 */
function tablesScript(family: 'ip' | 'ip6'): string {
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  const frontend = `${family} daddr . meta l4proto . th dport`;
  const original = `ct original ${family} daddr . meta l4proto . ct original proto-dst`;
  // The original port has a type only once the protocol is known, so there is a rule for each.
  const masquerade = ['tcp', 'udp', 'sctp']
    .map((protocol) => `    meta l4proto ${protocol} ${original} @masqueraded masquerade fully-random\n`)
    .join('');
  return `table ${family} ${TABLE} {
  map frontends { type ${address} . inet_proto . inet_service : verdict; }
  set masqueraded { type ${address} . inet_proto . inet_service; }
  set refused { type ${address} . inet_proto . inet_service; }
  chain prerouting {
    type nat hook prerouting priority -110; policy accept;
    ${frontend} vmap @frontends
  }
  chain output {
    type nat hook output priority -110; policy accept;
    ${frontend} vmap @frontends
  }
  chain postrouting {
    type nat hook postrouting priority 90; policy accept;
    ct status dnat jump source-nat
  }
  chain source-nat {
${masquerade}  }
  chain input {
    type filter hook input priority -110; policy accept;
    ${frontend} @refused jump refusal
  }
  chain refusal {
    meta l4proto tcp reject with tcp reset
    reject
  }
}
`;
}

/** Script that builds everything anew, whatever was there, in one transaction. Pure. */
export function renderAll(frontends: Iterable<Frontend>): string {
  const head = `${BALANCE_TABLES.map(dropTableScript).join('')}${tablesScript('ip')}${tablesScript('ip6')}`;
  return head + renderChanges(new Map(), [...frontends]);
}

/**
 * Script for the step from what is applied to what is wanted, in one transaction; empty when there is no difference. A
 * frontend has a chain of its own with its own `numgen`: one counter for two Services whose clients alternate would send
 * each of them to every second pod only. Only the chain of a Service whose endpoints changed is written, so the turn of
 * the others goes on. Pure.
 *
 * @param applied frontend id -> frontend as last applied
 */
export function renderChanges(applied: ReadonlyMap<string, Frontend>, wanted: readonly Frontend[]): string {
  const elements = new ElementChanges();
  let before = '';
  let after = '';
  const wantedIds = new Set<string>();
  for (const frontend of wanted) {
    wantedIds.add(frontend.id);
    const old = applied.get(frontend.id);
    if (old !== undefined && sameFrontend(old, frontend)) continue;
    before += old === undefined ? `add chain ${chainOf(frontend)}\n` : `flush chain ${chainOf(frontend)}\n`;
    if (frontend.backends.length > 0) before += `add rule ${chainOf(frontend)} ${dnatRule(frontend)}\n`;
    elements.move(old, frontend);
  }
  for (const old of applied.values()) {
    if (wantedIds.has(old.id)) continue;
    elements.move(old, undefined);
    // Last, when no element leads there any more.
    after += `flush chain ${chainOf(old)}\ndelete chain ${chainOf(old)}\n`;
  }
  return before + elements.render() + after;
}

const SETS = ['frontends', 'masqueraded', 'refused'] as const;
type SetName = (typeof SETS)[number];

/** Collects elements, so that a thousand frontends cost three commands and not three thousand. */
class ElementChanges {
  readonly #changes = new Map<string, string[]>();

  move(from: Frontend | undefined, to: Frontend | undefined): void {
    const [old, wanted] = [membership(from), membership(to)];
    for (const set of SETS) {
      if (from !== undefined && old.has(set) && !wanted.has(set)) this.#put('delete', set, from);
      if (to !== undefined && wanted.has(set) && !old.has(set)) this.#put('add', set, to);
    }
  }

  render(): string {
    return [...this.#changes].map(([command, members]) => `${command} { ${members.join(', ')} }\n`).join('');
  }

  #put(verb: 'add' | 'delete', set: SetName, frontend: Frontend): void {
    const command = `${verb} element ${tableOf(frontend.family)} ${set}`;
    const key = `${frontend.address} . ${frontend.protocol} . ${frontend.port}`;
    const member = set === 'frontends' ? `${key} : goto ${chainName(frontend)}` : key;
    const members = this.#changes.get(command);
    if (members === undefined) this.#changes.set(command, [member]);
    else members.push(member);
  }
}

function membership(frontend: Frontend | undefined): ReadonlySet<SetName> {
  if (frontend === undefined) return new Set();
  if (frontend.backends.length === 0) return new Set(['refused']);
  return new Set(frontend.masquerade ? ['frontends', 'masqueraded'] : ['frontends']);
}

function dnatRule({ family, protocol, backends }: Frontend): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const targets = backends.map(({ address, port }, index) => `${index} : ${address} . ${port}`);
  return `meta l4proto ${protocol} dnat ${ip} to numgen inc mod ${backends.length} map { ${targets.join(', ')} }`;
}

function tableOf(family: Family): string {
  return `${family === 4 ? 'ip' : 'ip6'} ${TABLE}`;
}

function chainOf(frontend: Frontend): string {
  return `${tableOf(frontend.family)} ${chainName(frontend)}`;
}

/** Names of chains may have dots and dashes, but no colons. */
function chainName({ protocol, port, address }: Frontend): string {
  return `${protocol}-${port}-${address.replaceAll(':', '.')}`;
}
