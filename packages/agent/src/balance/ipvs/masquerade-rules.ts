// SPDX-License-Identifier: Apache-2.0
import { addressOf, type Family, formatAddress } from '@fairlead/shared/address/address.ts';
import type { Protocol } from '../../services/served-service.ts';
import type { Frontend } from '../model/frontend.ts';
import { serviceId } from './virtual-service.ts';

/** Chain of ours in the table `nat` of iptables. */
export const CHAIN = 'FAIRLEAD-IPVS';

const NUMBER: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };
const PROTOCOL: Readonly<Record<string, Protocol>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

/** Frontend id -> its rule. */
export type MasqueradeRules = ReadonlyMap<string, string>;

/**
 * One rule for each front end of a family. Servers may be anywhere, and would answer past this node otherwise; where clients'
 * addresses stay the rule only says that the virtual service is ours: the kernel's table has no place for a name. Only
 * connections whose destination is rewritten are meant, not those that are passed on as they are. Pure.
 */
export function masqueradeRules(frontends: Iterable<Frontend>, family: Family): MasqueradeRules {
  const rules = new Map<string, string>();
  for (const frontend of frontends) {
    if (frontend.family !== family || frontend.forwarding === 'bypass') continue;
    const { id, protocol, address, port, masquerade } = frontend;
    const match = `-m ipvs --vproto ${NUMBER[protocol]} --vaddr ${address} --vport ${port} --vmethod MASQ`;
    rules.set(id, `${CHAIN} ${match} -j ${masquerade ? 'MASQUERADE' : 'RETURN'}`);
  }
  return rules;
}

/** Whether the rules of two models differ: they seldom do, while back ends come and go. Pure. */
export function haveOtherRules(
  before: ReadonlyMap<string, Frontend>,
  after: ReadonlyMap<string, Frontend>,
): boolean {
  if (before.size !== after.size) return true;
  for (const [id, frontend] of after) {
    const old = before.get(id);
    if (old === frontend) continue;
    const isSame =
      old !== undefined &&
      old.masquerade === frontend.masquerade &&
      (old.forwarding === 'bypass') === (frontend.forwarding === 'bypass');
    if (!isSame) return true;
  }
  return false;
}

/** Input of `iptables-restore --noflush` that makes the chain, empty. Pure. */
export function chainScript(): string {
  return `*nat\n:${CHAIN} - [0:0]\nCOMMIT\n`;
}

/**
 * Input of `iptables-restore --noflush` for what is there in `after` and not in `before`; undefined when nothing is. Pure.
 */
export function additions(before: MasqueradeRules, after: MasqueradeRules): string | undefined {
  return scriptOf([...after].flatMap(([id, rule]) => (before.get(id) === rule ? [] : [`-A ${rule}`])));
}

/** The same for what is there no more. Pure. */
export function removals(before: MasqueradeRules, after: MasqueradeRules): string | undefined {
  return scriptOf([...before].flatMap(([id, rule]) => (after.get(id) === rule ? [] : [`-D ${rule}`])));
}

function scriptOf(lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : `*nat\n${lines.join('\n')}\nCOMMIT\n`;
}

/** Reads the chain as `iptables -S` prints it. Undefined: there is none. Pure. */
export function readChain(text: string): MasqueradeRules | undefined {
  const lines = text.split('\n');
  if (!lines.includes(`-N ${CHAIN}`)) return undefined;
  const rules = new Map<string, string>();
  for (const line of lines) {
    const words = line.split(' ');
    if (words[0] !== '-A' || words[1] !== CHAIN) continue;
    const wordAfter = (flag: string) => words[words.indexOf(flag) + 1] ?? '';
    const protocol = PROTOCOL[wordAfter('--vproto')];
    const address = addressOf(wordAfter('--vaddr').split('/')[0] ?? '');
    const port = Number(wordAfter('--vport'));
    if (protocol === undefined || address === undefined || !(port > 0)) continue;
    const [text, target] = [formatAddress(address), wordAfter('-j')];
    const match = `-m ipvs --vproto ${NUMBER[protocol]} --vaddr ${text} --vport ${port} --vmethod MASQ`;
    rules.set(serviceId(protocol, port, text), `${CHAIN} ${match} -j ${target}`);
  }
  return rules;
}
