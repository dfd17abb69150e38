// SPDX-License-Identifier: Apache-2.0
import { type Backend, type Frontend, sameBackend, takersOf } from '../model/frontend.ts';
import { maglevTable } from '../model/maglev.ts';
import { weightedTurns } from '../model/turns.ts';
import { NAT_TABLES, SHARED_SETS } from './nat-frame.ts';
import type {
  Chain,
  Destination,
  NftElement,
  NftSet,
  Part,
  Rule,
  Selector,
  Statement,
  Verdict,
  VerdictSlots,
} from './ruleset.ts';
import { freshSlots } from './slot-layout.ts';
import { slotMapName } from './slot-maps.ts';

/**
 * The same on all nodes and for ever, so that a client is sent to the same back end by whichever node has the address, and
 * after a restart.
 */
const CLIENT_HASH_SEED = 0xfa1f;

/** Clients that one back end remembers; who comes beyond is served, but not remembered. At most about 8 MB in the kernel. */
const REMEMBERED_CLIENTS = 65_536;

/**
 * What one front end needs in the table of its family: a chain with a counter of its own, as one counter for two Services
 * whose clients alternate would send each of them to every second pod only. Pure.
 */
export function frontendPart(frontend: Frontend): Part {
  const table = NAT_TABLES[frontend.family];
  const backends = takersOf(frontend);
  const shared = [...membership(frontend, backends.length > 0), ...resetElements(frontend)];
  if (backends.length === 0) return { table, sets: [], chains: [], elements: shared };
  const { affinitySeconds } = frontend;
  const { chains, sets, elements } =
    affinitySeconds === undefined
      ? forgetful(frontend, backends)
      : sticky(frontend, backends, affinitySeconds);
  return { table, chains, sets, elements: [...shared, ...elements] };
}

/** Members of the sets that all front ends share. */
function membership(frontend: Frontend, isServed: boolean): readonly NftElement[] {
  const key = [frontend.address, frontend.protocol, frontend.port];
  if (!isServed) return [{ set: SHARED_SETS.refused, key }];
  const served: NftElement = { set: SHARED_SETS.frontends, key, data: { goto: chainName(frontend) } };
  return frontend.masquerade ? [served, { set: SHARED_SETS.masqueraded, key }] : [served];
}

function resetElements({
  address,
  protocol,
  port,
  backends,
  ending = [],
  resetsRemoved,
}: Frontend): readonly NftElement[] {
  if (!resetsRemoved || protocol !== 'tcp') return [];
  const leaving = ending.filter((each) => !backends.some((backend) => sameBackend(each, backend)));
  const living = [...backends, ...leaving].map(
    (backend): NftElement => ({
      set: SHARED_SETS.living,
      key: [address, port, backend.address, backend.port],
    }),
  );
  return [{ set: SHARED_SETS.resetting, key: [address, port] }, ...living];
}

/** What a front end has for itself. */
type Own = Pick<Part, 'chains' | 'sets' | 'elements'>;

/** Each connection is a new choice. */
function forgetful(frontend: Frontend, backends: readonly Backend[]): Own {
  const name = chainName(frontend);
  const map = slotMapName(frontend);
  const { by, slots } = choice(frontend, backends);
  const { address, protocol, port } = frontend;
  const elements = slots.map((backend, slot): NftElement => {
    return { set: map, key: [address, port, slot], data: destination(backend) };
  });
  return {
    sets: [],
    chains: [{ name, rules: [rewriting(frontend, { kind: 'spread', protocol, by, map })] }],
    elements,
  };
}

/**
 * A client stays with its back end. Each back end has a set of the clients that it was given, which go when they were away
 * for too long; with the back end its set goes, and no client is ever sent to one that is not there. What other back ends
 * remember outlasts the change.
 */
function sticky(frontend: Frontend, backends: readonly Backend[], seconds: number): Own {
  const name = chainName(frontend);
  const nameFor = ({ address, port }: Backend) => `${name}-to-${address.replaceAll(':', '.')}-${port}`;
  const known = backends.map((backend): Rule => {
    const chain = nameFor(backend);
    return {
      matches: [{ kind: 'member', of: chain, key: ['sourceAddress'] }],
      statement: { kind: 'goto', chain },
    };
  });
  const { by, slots } = choice(frontend, backends);
  const { over, sets, elements } = verdictSlots(
    frontend,
    slots.map((backend) => ({ goto: nameFor(backend) })),
  );
  const fresh: Rule = { matches: [], statement: { kind: 'dispatch', by, over } };
  const chains = backends.map((backend): Chain => {
    // A rule of its own: when the set is full, remembering fails, and the connection goes on all the same.
    const remembering: Rule = { matches: [], statement: { kind: 'remember', in: nameFor(backend), seconds } };
    const sending = rewriting(frontend, { kind: 'dnat', to: destination(backend) });
    return { name: nameFor(backend), rules: [remembering, sending] };
  });
  const clients = backends.map((backend): NftSet => {
    return { kind: 'clients', name: nameFor(backend), size: REMEMBERED_CLIENTS };
  });
  return { chains: [...chains, { name, rules: [...known, fresh] }], sets: [...clients, ...sets], elements };
}

/** Which slots there are for new clients, and how a connection finds its own. */
function choice(
  { scheduler, affinitySeconds, slots }: Frontend,
  backends: readonly Backend[],
): { readonly by: Selector; readonly slots: readonly Backend[] } {
  const weights = backends.map(({ weight }) => weight);
  const ordered = (indexes: readonly number[]) => indexes.flatMap((index) => backends[index] ?? []);
  const inTurn = (slots: readonly Backend[]) => {
    return { by: { kind: 'turn', size: slots.length }, slots } as const;
  };
  const byClient = (slots: readonly Backend[]) => {
    return { by: { kind: 'clientHash', size: slots.length, seed: CLIENT_HASH_SEED }, slots } as const;
  };
  switch (scheduler) {
    case 'roundRobin':
      return inTurn(affinitySeconds === undefined ? (slots ?? freshSlots(backends)) : backends);
    case 'weightedRoundRobin':
    // The kernel's rules count no connections; whoever made the model has told so.
    case 'leastConnections':
      return inTurn(ordered(weightedTurns(weights)));
    case 'sourceHash':
      return byClient(ordered(weightedTurns(weights)));
    case 'consistentHash':
      return byClient(ordered(maglevTable(backends.map(maglevMember))));
  }
}

function maglevMember({ address, port, weight }: Backend) {
  return { key: `${address} ${port}`, weight };
}

/** Puts the slots into the rule, or a large table into a map, so that a change writes only the slots that it moves. */
function verdictSlots(
  frontend: Frontend,
  slots: readonly Verdict[],
): {
  readonly over: VerdictSlots;
  readonly sets: readonly NftSet[];
  readonly elements: readonly NftElement[];
} {
  if (frontend.scheduler !== 'consistentHash') return { over: slots, sets: [], elements: [] };
  const map = `${chainName(frontend)}-slots-of-clients`;
  return {
    over: { inMap: map },
    sets: [{ kind: 'slots', name: map }],
    elements: slots.map((each, slot) => ({ set: map, key: [slot], data: each })),
  };
}

/** The port of a destination has a meaning only once the protocol is known. */
function rewriting({ protocol }: Frontend, statement: Statement): Rule {
  return { matches: [{ kind: 'protocol', protocol }], statement };
}

function destination({ address, port }: Backend): Destination {
  return { address, port };
}

/** Names of chains may have dots and dashes, but no colons. */
function chainName({ protocol, port, address }: Frontend): string {
  return `${protocol}-${port}-${address.replaceAll(':', '.')}`;
}
