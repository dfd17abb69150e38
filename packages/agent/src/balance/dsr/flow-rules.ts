// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { DirectReturn, Frontend } from '../model/frontend.ts';
import { SLOTS, type SlotTable, slotTable } from './slots.ts';

/** The same on all nodes and for ever: a flow stays with its hop when the address moves to another node. */
export const FLOW_SEED = 0x66616972;

/**
 * Code points (DSCP) by which a packet says that it was sent on by somebody who does not have the address: to whose flow it should
 * be, or from there to whose it was. Marks only rise, so nothing goes round in circles. Two of those for local use (RFC 2474,
 * pool 2). Who sends them from outside is served by the node that holds the address, by NAT.
 */
const SENT_TO = { owner: '0x3b', runnerUp: '0x3f' } as const;
/** Either of them, and no other. */
const SENT_ON = '& 0x3b == 0x3b';

/** What the rules of a front end depend on: many front ends share them. */
export interface FlowRule {
  /** Name for a chain, the same for the same rule. */
  readonly name: string;
  readonly ip: 'ip' | 'ip6';
  readonly direct: DirectReturn;
  /** By the client alone, where it has to stay with its back end; else by client and port. */
  readonly byClient: boolean;
  /** TCP avoids fragments; those of others have no port but the first, so this node puts them together and sends them by NAT. */
  readonly sparesFragments: boolean;
}

/** The rule of a front end; undefined when there is nobody to send to. Pure. */
export function flowRuleOf(frontend: Frontend): FlowRule | undefined {
  const { direct, family, protocol } = frontend;
  if (direct === undefined || direct.hops.every(({ address }) => address === direct.self)) return undefined;
  const ip = family === 4 ? 'ip' : 'ip6';
  const byClient = frontend.affinitySeconds !== undefined || isByClient(frontend);
  const sparesFragments = protocol !== 'tcp';
  const identity = JSON.stringify([ip, direct, byClient, sparesFragments]);
  const name = `hops-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
  return { name, ip, direct, byClient, sparesFragments };
}

function isByClient({ scheduler }: Frontend): boolean {
  return scheduler === 'sourceHash' || scheduler === 'consistentHash';
}

/**
 * Lines of a chain at the ingress hook: packets for hops other than this node go on to them. The kernel asks for their hardware
 * addresses by itself. Only where the address is on this node: one to which it has been forwarded, and has not, must not send it
 * on again when it sees the hops otherwise for a moment. Undefined when no flow goes elsewhere. Pure.
 */
export function forwardingLines(rule: FlowRule): readonly string[] | undefined {
  const { ip, direct } = rule;
  const targets = slotMap(rule, ({ owners }, slot) => owners[slot]);
  if (targets === undefined) return undefined;
  const fragments = ip === 'ip' ? 'ip frag-off & 0x3fff != 0 return' : 'exthdr frag exists return';
  return [
    `${ip} dscp ${SENT_ON} return`,
    'fib daddr type != local return',
    ...(rule.sparesFragments ? [fragments] : []),
    `fwd ${ip} to ${flowHash(rule)} map { ${targets} } device "${direct.link}"`,
  ];
}

/**
 * Lines of a chain for packets of flows that this node does not know, as they came over the wire. Somebody else's are sent on to
 * whose they are: who sent them here still thinks that the address is on this node, or has other hops in mind for a moment. If
 * this node answered, it would be with a reset. Of its own ones those that began elsewhere go to who had the slot before, or
 * will have it. Undefined when there is nobody. Pure.
 */
export function rescueLines(rule: FlowRule): readonly string[] | undefined {
  const { ip } = rule;
  const own = ownSlots(rule);
  const owners = slotMap(rule, (table, slot) => table.owners[slot]);
  const runnersUp = slotMap(rule, (table, slot) => (own.has(slot) ? table.runnersUp[slot] : undefined));
  const lines: string[] = [];
  // What does not lead on must not be marked, so it has to be known before.
  const others = own.size === 0 ? '' : `${flowHash(rule)} != { ${[...own].join(', ')} } `;
  if (owners !== undefined)
    lines.push(`${ip} dscp != ${SENT_TO.owner} ${others}${sendOn(rule, owners, SENT_TO.owner)}`);
  if (runnersUp !== undefined)
    lines.push(`tcp flags & (syn | rst) == 0 ${sendOn(rule, runnersUp, SENT_TO.runnerUp)}`);
  return lines.length === 0 ? undefined : [`${ip} dscp ${SENT_TO.runnerUp} return`, ...lines];
}

function ownSlots({ direct: { hops, self } }: FlowRule): ReadonlySet<number> {
  const own = hops.findIndex(({ address }) => address === self);
  if (own < 0) return new Set();
  const { owners } = tableOf(hops);
  return new Set(owners.flatMap((owner, slot) => (owner === own ? [slot] : [])));
}

function sendOn(rule: FlowRule, targets: string, mark: string): string {
  const { ip, direct } = rule;
  return `${ip} dscp set ${mark} dup to ${flowHash(rule)} map { ${targets} } device "${direct.link}" drop`;
}

function flowHash({ ip, byClient }: FlowRule): string {
  const seed = `0x${FLOW_SEED.toString(16)}`;
  return `jhash ${ip} saddr${byClient ? '' : ' . th sport'} mod ${SLOTS} seed ${seed}`;
}

/** Slot -> address of a hop. This node is left out: where a map has no such key, the rule ends, and the packet stays here. */
function slotMap(
  { direct }: FlowRule,
  choose: (table: SlotTable, slot: number) => number | undefined,
): string | undefined {
  const { hops, self } = direct;
  const table = tableOf(hops);
  const entries: string[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const address = hops[choose(table, slot) ?? -1]?.address;
    if (address !== undefined && address !== self) entries.push(`${slot} : ${address}`);
  }
  return entries.length === 0 ? undefined : entries.join(', ');
}

/** Lists of hops never change in place, and a rule asks for its table several times. */
const tables = new WeakMap<DirectReturn['hops'], SlotTable>();

function tableOf(hops: DirectReturn['hops']): SlotTable {
  const known = tables.get(hops);
  if (known !== undefined) return known;
  const table = slotTable(hops.map(({ address, weight, ending }) => ({ key: address, weight, ending })));
  tables.set(hops, table);
  return table;
}
