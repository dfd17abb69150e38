// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import type { NftTable } from '../../system/nft.ts';
import type { Chain, Field, Hook, Part, Rule } from './ruleset.ts';

/** Names of the sets that every front end may have members in. */
export const SHARED_SETS = {
  /** Address, protocol and port -> chain of the front end. */
  frontends: 'frontends',
  /** Front ends whose connections get this node's address as their source. */
  masqueraded: 'masqueraded',
  /** Front ends without a back end. */
  refused: 'refused',
  /** Front ends (address and port) whose connections to removed back ends are reset. */
  resetting: 'resetting',
  /** Front end and back end: the connections of those that may go on. */
  living: 'living',
} as const;

/** The tables of the NAT plane, one per family. */
export const NAT_TABLES: Readonly<Record<Family, NftTable>> = {
  4: { family: 'ip', name: 'fairlead' },
  6: { family: 'ip6', name: 'fairlead' },
};

/** Before kube-proxy's -100 in prerouting and output: once a connection has a destination, later nat chains are not asked. */
const DNAT_PRIORITY = -110;
/** Before kube-proxy's 100 in postrouting, for the same reason. */
const SNAT_PRIORITY = 90;
const FILTER_PRIORITY = -110;

const FRONTEND: readonly Field[] = ['destinationAddress', 'protocol', 'destinationPort'];
const ORIGINAL_FRONTEND: readonly Field[] = ['originalAddress', 'protocol', 'originalPort'];

/**
 * What the table of a family has without front ends.
 *
 * - Masquerading needs no packet mark (marks belong to CNIs and kube-proxy): the connection's original destination says
 *   whether it came through a front end that wants it.
 * - A front end without back ends is refused in the input hook, where its packets end up because the address is local;
 *   without this a program of the node that listens on the same port would answer.
 */
export function natFrame(family: Family): Part {
  const key = ['address', 'protocol', 'port'] as const;
  const dispatch: Rule = {
    matches: [],
    statement: { kind: 'lookUp', key: FRONTEND, map: SHARED_SETS.frontends },
  };
  return {
    table: NAT_TABLES[family],
    sets: [
      { kind: 'verdicts', name: SHARED_SETS.frontends, key },
      { kind: 'set', name: SHARED_SETS.masqueraded, key },
      { kind: 'set', name: SHARED_SETS.refused, key },
    ],
    chains: [
      baseChain('nat', 'prerouting', DNAT_PRIORITY, dispatch),
      baseChain('nat', 'output', DNAT_PRIORITY, dispatch),
      baseChain('nat', 'postrouting', SNAT_PRIORITY, {
        matches: [{ kind: 'rewritten' }],
        statement: { kind: 'jump', chain: 'source-nat' },
      }),
      sourceNat(),
      baseChain('filter', 'input', FILTER_PRIORITY, {
        matches: [{ kind: 'member', of: SHARED_SETS.refused, key: FRONTEND }],
        statement: { kind: 'jump', chain: 'refusal' },
      }),
      {
        name: 'refusal',
        rules: [
          {
            matches: [{ kind: 'protocol', protocol: 'tcp' }],
            statement: { kind: 'reject', with: 'tcpReset' },
          },
          { matches: [], statement: { kind: 'reject', with: 'icmp' } },
        ],
      },
    ],
    elements: [],
  };
}

/** nft knows the type of the original port only once it knows the protocol, so there is a rule for each. */
function sourceNat(): Chain {
  const wanted = { kind: 'member', of: SHARED_SETS.masqueraded, key: ORIGINAL_FRONTEND } as const;
  return {
    name: 'source-nat',
    rules: (['tcp', 'udp', 'sctp'] as const).map((protocol) => ({
      matches: [{ kind: 'protocol', protocol }, wanted],
      statement: { kind: 'masquerade' },
    })),
  };
}

/**
 * What a family has besides, while a front end wants connections to removed back ends reset. Only then: these chains see every
 * packet. That a connection goes to a back end that is not there any more is read from the connection itself, so it needs no
 * record of the past. Both ends get a reset, each with its next packet.
 */
export function resetFrame(family: Family): Part {
  const orphans: Rule = {
    matches: [
      { kind: 'rewritten' },
      { kind: 'protocol', protocol: 'tcp' },
      // Those that are sent here come by, too.
      { kind: 'noReset' },
      { kind: 'member', of: SHARED_SETS.resetting, key: ['originalAddress', 'originalPort'] },
      {
        kind: 'member',
        of: SHARED_SETS.living,
        key: ['originalAddress', 'originalPort', 'replyAddress', 'replyPort'],
        isNegated: true,
      },
    ],
    statement: { kind: 'reject', with: 'tcpReset' },
  };
  return {
    table: NAT_TABLES[family],
    sets: [
      { kind: 'set', name: SHARED_SETS.resetting, key: ['address', 'port'] },
      { kind: 'set', name: SHARED_SETS.living, key: ['address', 'port', 'address', 'port'] },
    ],
    chains: (['input', 'forward', 'output'] as const).map((at) => ({
      name: `reset-${at}`,
      hook: { type: 'filter', at, priority: FILTER_PRIORITY },
      rules: [orphans],
    })),
    elements: [],
  };
}

function baseChain(type: Hook['type'], at: Hook['at'], priority: number, rule: Rule): Chain {
  return { name: at, hook: { type, at, priority }, rules: [rule] };
}
