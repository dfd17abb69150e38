// SPDX-License-Identifier: Apache-2.0
/*
 * As much of nftables as the balancer uses, as plain data: what is rendered here can be printed for `nft` (nft-text.ts), and
 * walked by a packet in tests. Names are nft(8)'s.
 */

import type { Protocol } from '../../services/served-service.ts';
import type { NftTable } from '../../system/nft.ts';

/**
 * What a rule reads of a packet or of its connection. `original…`: of the connection's first packet, as it came in.
 * `reply…`: where answers come from, which is the back end once the connection has one.
 */
export type Field =
  | 'sourceAddress'
  | 'destinationAddress'
  | 'destinationPort'
  | 'protocol'
  | 'originalAddress'
  | 'originalPort'
  | 'replyAddress'
  | 'replyPort';

/** Where a connection is sent. */
export interface Destination {
  readonly address: string;
  readonly port: number;
}

/** Chain that is gone on with, for good. */
export interface Verdict {
  readonly goto: string;
}

/** What one part of a key is. */
export type KeyType = 'address' | 'protocol' | 'port';

/**
 * A set or map by name.
 *
 * - `set`: keys.
 * - `verdicts`: key -> chain to go on with.
 * - `slots`: number -> chain, for a {@link Selector}.
 * - `frontendSlots`: address, port and number -> destination. Shared by front ends of one protocol, each with its own numbers.
 * - `clients`: addresses that packets put there (`update`), each for its time.
 */
export type NftSet =
  | { readonly kind: 'set' | 'verdicts'; readonly name: string; readonly key: readonly KeyType[] }
  | { readonly kind: 'slots'; readonly name: string }
  | { readonly kind: 'frontendSlots'; readonly name: string; readonly protocol: Protocol }
  | { readonly kind: 'clients'; readonly name: string; readonly size: number };

/** One member of a set or map. */
export interface NftElement {
  /** Name of the set. */
  readonly set: string;
  readonly key: readonly (string | number)[];
  /** Only in maps. */
  readonly data?: Destination | Verdict;
}

/** How a rule chooses a slot: in turn, with a counter of its own, or by the client's address. */
export type Selector =
  | { readonly kind: 'turn'; readonly size: number }
  | { readonly kind: 'clientHash'; readonly size: number; readonly seed: number };

/** Chains that slots lead to: in the rule itself, by number, or in a `slots` map of this name. */
export type VerdictSlots = readonly Verdict[] | { readonly inMap: string };

/** A condition. */
export type Match =
  | { readonly kind: 'protocol'; readonly protocol: Protocol }
  /** The connection's destination has been rewritten. */
  | { readonly kind: 'rewritten' }
  /** A TCP segment that is not itself a reset. */
  | { readonly kind: 'noReset' }
  | {
      readonly kind: 'member';
      readonly of: string;
      readonly key: readonly Field[];
      readonly isNegated?: boolean;
    };

/** What a rule does once all its conditions hold. Where a map has no such key, the next rule is asked. */
export type Statement =
  | { readonly kind: 'dnat'; readonly to: Destination }
  /** To where the slot of the packet's front end leads in a `frontendSlots` map of this name. */
  | { readonly kind: 'spread'; readonly protocol: Protocol; readonly by: Selector; readonly map: string }
  | { readonly kind: 'dispatch'; readonly by: Selector; readonly over: VerdictSlots }
  | { readonly kind: 'lookUp'; readonly key: readonly Field[]; readonly map: string }
  | { readonly kind: 'goto'; readonly chain: string }
  | { readonly kind: 'jump'; readonly chain: string }
  /** Remember the client in a `clients` set for so long from now on. */
  | { readonly kind: 'remember'; readonly in: string; readonly seconds: number }
  | { readonly kind: 'masquerade' }
  | { readonly kind: 'reject'; readonly with: 'tcpReset' | 'icmp' };

/** One rule. */
export interface Rule {
  readonly matches: readonly Match[];
  readonly statement: Statement;
}

/** Where packets enter a chain by themselves. */
export interface Hook {
  readonly type: 'nat' | 'filter';
  readonly at: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  readonly priority: number;
}

/** A chain with its rules. */
export interface Chain {
  readonly name: string;
  readonly hook?: Hook;
  readonly rules: readonly Rule[];
}

/** Something that is there as a whole or not at all: the frame of a table, or what one front end needs. */
export interface Part {
  readonly table: NftTable;
  readonly sets: readonly NftSet[];
  readonly chains: readonly Chain[];
  /** Members of its own sets and of those of other parts. */
  readonly elements: readonly NftElement[];
}

/** One step of a transaction. */
export type Change = { readonly table: NftTable } & (
  | { readonly do: 'replaceTable' }
  | { readonly do: 'addSet' | 'deleteSet'; readonly set: NftSet }
  /** Without its rules. */
  | { readonly do: 'addChain' | 'flushChain' | 'deleteChain'; readonly chain: Chain }
  | { readonly do: 'addRule'; readonly chain: string; readonly rule: Rule }
  | {
      readonly do: 'addElements' | 'deleteElements';
      readonly set: string;
      readonly elements: readonly NftElement[];
    }
);
