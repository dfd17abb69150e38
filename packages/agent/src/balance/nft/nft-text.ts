// SPDX-License-Identifier: Apache-2.0
import type { Protocol } from '../../services/served-service.ts';
import type { NftTable } from '../../system/nft.ts';
import { dropTableScript } from '../../system/nft.ts';
import type {
  Chain,
  Change,
  Destination,
  Field,
  KeyType,
  Match,
  NftElement,
  NftSet,
  Rule,
  Selector,
  Statement,
  Verdict,
  VerdictSlots,
} from './ruleset.ts';

type Ip = 'ip' | 'ip6';

/** The changes as a script for `nft -f`: one transaction. Pure. */
export function printChanges(changes: readonly Change[]): string {
  return changes.map((change) => `${printChange(change)}\n`).join('');
}

function printChange(change: Change): string {
  const { table } = change;
  const where = `${table.family} ${table.name}`;
  const ip = familyOf(table);
  switch (change.do) {
    case 'replaceTable':
      return `${dropTableScript(table)}add table ${where}`;
    case 'addSet':
      return `add ${isMap(change.set) ? 'map' : 'set'} ${where} ${change.set.name} { ${definition(change.set, ip)} }`;
    case 'deleteSet':
      return `delete ${isMap(change.set) ? 'map' : 'set'} ${where} ${change.set.name}`;
    case 'addChain':
      return `add chain ${where} ${change.chain.name}${hookOf(change.chain)}`;
    case 'flushChain':
      return `flush chain ${where} ${change.chain.name}`;
    case 'deleteChain':
      return `delete chain ${where} ${change.chain.name}`;
    case 'addRule':
      return `add rule ${where} ${change.chain} ${printRule(change.rule, ip)}`;
    case 'addElements':
    case 'deleteElements': {
      const verb = change.do === 'addElements' ? 'add' : 'delete';
      return `${verb} element ${where} ${change.set} { ${change.elements.map(printElement).join(', ')} }`;
    }
  }
}

/**
 * A client keeps its port where that is free. Ports at random meet connections that pods have just closed, whose place Linux gives
 * to a later timestamp only; clients then wait a second for their next attempt: 10,000 of 100,000 were seen to. Ports above are
 * those of the agent's own probes.
 */
const MASQUERADE_PORTS = '1024-60999';

/** With the name of the protocol: nft 1.0.6 takes a map of `th dport` for one that does not go with any protocol. */
function slotOf(protocol: Protocol, ip: Ip): string {
  return `${ip} daddr . ${protocol} dport`;
}

function familyOf({ family }: NftTable): Ip {
  return family === 'ip6' ? 'ip6' : 'ip';
}

function isMap({ kind }: NftSet): boolean {
  return kind !== 'set' && kind !== 'clients';
}

function definition(set: NftSet, ip: Ip): string {
  switch (set.kind) {
    case 'set':
      return `type ${keyTypes(set.key, ip)};`;
    case 'verdicts':
      return `type ${keyTypes(set.key, ip)} : verdict;`;
    case 'slots':
      // nft has no name for the type of a plain number, but takes that of an expression that gives one.
      return 'typeof numgen inc mod 2 : verdict;';
    case 'frontendSlots':
      return `typeof ${slotOf(set.protocol, ip)} . numgen inc mod 2 : ${ip} daddr . ${set.protocol} dport;`;
    case 'clients':
      return `type ${keyTypes(['address'], ip)}; flags dynamic,timeout; size ${set.size};`;
  }
}

function keyTypes(key: readonly KeyType[], ip: Ip): string {
  const types: Readonly<Record<KeyType, string>> = {
    address: ip === 'ip' ? 'ipv4_addr' : 'ipv6_addr',
    protocol: 'inet_proto',
    port: 'inet_service',
  };
  return key.map((part) => types[part]).join(' . ');
}

function hookOf({ hook }: Chain): string {
  if (hook === undefined) return '';
  return ` { type ${hook.type} hook ${hook.at} priority ${hook.priority}; policy accept; }`;
}

function printElement({ key, data }: NftElement): string {
  const text = key.join(' . ');
  return data === undefined ? text : `${text} : ${printData(data)}`;
}

function printData(data: Destination | Verdict): string {
  return 'goto' in data ? `goto ${data.goto}` : `${data.address} . ${data.port}`;
}

function printRule({ matches, statement }: Rule, ip: Ip): string {
  return [...matches.map((match) => printMatch(match, ip)), printStatement(statement, ip)].join(' ');
}

function printMatch(match: Match, ip: Ip): string {
  switch (match.kind) {
    case 'protocol':
      return `meta l4proto ${match.protocol}`;
    case 'rewritten':
      return 'ct status dnat';
    case 'noReset':
      return 'tcp flags & rst == 0';
    case 'member':
      return `${printKey(match.key, ip)} ${match.isNegated ? '!= ' : ''}@${match.of}`;
  }
}

function printStatement(statement: Statement, ip: Ip): string {
  switch (statement.kind) {
    case 'dnat': {
      const { address, port } = statement.to;
      return `dnat ${ip} to ${ip === 'ip' ? address : `[${address}]`}:${port}`;
    }
    case 'spread':
      return `dnat ${ip} to ${slotOf(statement.protocol, ip)} . ${printSelector(statement.by, ip)} map @${statement.map}`;
    case 'dispatch':
      return `${printSelector(statement.by, ip)} vmap ${printSlots(statement.over)}`;
    case 'lookUp':
      return `${printKey(statement.key, ip)} vmap @${statement.map}`;
    case 'goto':
    case 'jump':
      return `${statement.kind} ${statement.chain}`;
    case 'remember':
      return `update @${statement.in} { ${ip} saddr timeout ${statement.seconds}s }`;
    case 'masquerade':
      return `masquerade to :${MASQUERADE_PORTS}`;
    case 'reject':
      return statement.with === 'tcpReset' ? 'reject with tcp reset' : 'reject';
  }
}

function printSelector(selector: Selector, ip: Ip): string {
  if (selector.kind === 'turn') return `numgen inc mod ${selector.size}`;
  return `jhash ${ip} saddr mod ${selector.size} seed 0x${selector.seed.toString(16)}`;
}

function printSlots(slots: VerdictSlots): string {
  if ('inMap' in slots) return `@${slots.inMap}`;
  return `{ ${slots.map((data, slot) => `${slot} : ${printData(data)}`).join(', ')} }`;
}

function printKey(key: readonly Field[], ip: Ip): string {
  const fields: Readonly<Record<Field, string>> = {
    sourceAddress: `${ip} saddr`,
    destinationAddress: `${ip} daddr`,
    destinationPort: 'th dport',
    protocol: 'meta l4proto',
    originalAddress: `ct original ${ip} daddr`,
    originalPort: 'ct original proto-dst',
    replyAddress: `ct reply ${ip} saddr`,
    replyPort: 'ct reply proto-src',
  };
  return key.map((field) => fields[field]).join(' . ');
}
