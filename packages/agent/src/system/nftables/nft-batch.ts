// SPDX-License-Identifier: Apache-2.0
import type { NftTable } from '../nft-tables.ts';
import { NetlinkWriter } from './netlink-writer.ts';
import { type NftStep, writeStep, writeValue, writeVerdict } from './steps.ts';

/** A chain or set of a table. */
export interface NftPlace {
  readonly table: NftTable;
  readonly name: string;
}

/** A member of a set or map, as bytes. */
export interface NftMember {
  readonly key: Buffer;
  /** What a map leads to; absent in a set. */
  readonly data?: Buffer | { readonly goto: string };
}

/** A transaction as it is sent. */
export interface FinishedBatch {
  readonly bytes: Buffer;
  /** Number of the message that the kernel answers when all is well. */
  readonly lastSequence: number;
}

/** NFPROTO_* (linux/netfilter.h). */
const FAMILIES: Readonly<Record<NftTable['family'], number>> = {
  inet: 1,
  ip: 2,
  arp: 3,
  netdev: 5,
  bridge: 7,
  ip6: 10,
};

/** Messages of subsystem nf_tables (10), and those that hold a transaction together: linux/netfilter/nf_tables.h, nfnetlink.h. */
const MESSAGE = {
  begin: 0x10,
  end: 0x11,
  newChain: 0xa03,
  deleteChain: 0xa05,
  newRule: 0xa06,
  deleteRule: 0xa08,
  newElements: 0xa0c,
  deleteElements: 0xa0e,
} as const;
const NF_TABLES = 10;
const CHAIN = { table: 1, name: 3 } as const;
const RULE = { table: 1, chain: 2, expressions: 4 } as const;
const ELEMENTS = { table: 1, set: 2, list: 3 } as const;
const ELEMENT = { key: 1, data: 2 } as const;
const LIST_ELEMENT = 1;

const NLM_F_ACK = 0x4;
const NLM_F_CREATE = 0x400;
const NLM_F_APPEND = 0x800;
/** A list of members is one attribute, whose length has 16 bits; a member of a map for IPv6 takes about 80 bytes. */
const MEMBERS_PER_MESSAGE = 500;

/**
 * Writes the messages of one transaction. The kernel makes all of it take effect at once, or nothing, and answers the last
 * message.
 */
export class NftBatch {
  readonly #writer = new NetlinkWriter();
  #messages = 0;
  #lastStart = 0;

  constructor() {
    this.#writer.message({ type: MESSAGE.begin, flags: 0, sequence: 0, family: 0, resource: NF_TABLES });
  }

  /** Bytes so far. */
  get length(): number {
    return this.#writer.length;
  }

  get isEmpty(): boolean {
    return this.#messages === 0;
  }

  addChain(chain: NftPlace): void {
    this.#message(MESSAGE.newChain, NLM_F_CREATE, chain, () => this.#place(chain, CHAIN.table, CHAIN.name));
  }

  /** Removes all rules of a chain. */
  flushChain(chain: NftPlace): void {
    this.#message(MESSAGE.deleteRule, 0, chain, () => this.#place(chain, RULE.table, RULE.chain));
  }

  /** Deletes a chain that has no rules and that nothing leads to. */
  deleteChain(chain: NftPlace): void {
    this.#message(MESSAGE.deleteChain, 0, chain, () => this.#place(chain, CHAIN.table, CHAIN.name));
  }

  /** Adds a rule at the end of a chain. */
  addRule(chain: NftPlace, steps: readonly NftStep[]): void {
    this.#message(MESSAGE.newRule, NLM_F_CREATE | NLM_F_APPEND, chain, () => {
      this.#place(chain, RULE.table, RULE.chain);
      this.#writer.nested(RULE.expressions, () => {
        for (const step of steps) writeStep(this.#writer, step);
      });
    });
  }

  addMembers(set: NftPlace, members: readonly NftMember[]): void {
    this.#members(MESSAGE.newElements, NLM_F_CREATE, set, members);
  }

  deleteMembers(set: NftPlace, members: readonly NftMember[]): void {
    this.#members(MESSAGE.deleteElements, 0, set, members);
  }

  /** The whole transaction. Of the messages between begin and end only the last asks for an answer: many would not fit. */
  finish(): FinishedBatch {
    const lastSequence = this.#messages;
    this.#writer.addFlags(this.#lastStart, NLM_F_ACK);
    this.#writer.message({
      type: MESSAGE.end,
      flags: 0,
      sequence: lastSequence + 1,
      family: 0,
      resource: NF_TABLES,
    });
    return { bytes: this.#writer.bytes, lastSequence };
  }

  #members(type: number, flags: number, set: NftPlace, members: readonly NftMember[]): void {
    for (let from = 0; from < members.length; from += MEMBERS_PER_MESSAGE) {
      this.#message(type, flags, set, () => {
        this.#place(set, ELEMENTS.table, ELEMENTS.set);
        this.#writer.nested(ELEMENTS.list, () => {
          for (const member of members.slice(from, from + MEMBERS_PER_MESSAGE)) this.#member(member);
        });
      });
    }
  }

  #member({ key, data }: NftMember): void {
    const writer = this.#writer;
    writer.nested(LIST_ELEMENT, () => {
      writer.nested(ELEMENT.key, () => writeValue(writer, key));
      if (data === undefined) return;
      writer.nested(ELEMENT.data, () => {
        if ('goto' in data) writeVerdict(writer, 'goto', data.goto);
        else writeValue(writer, data);
      });
    });
  }

  #place({ table, name }: NftPlace, tableAttribute: number, nameAttribute: number): void {
    this.#writer.text(tableAttribute, table.name);
    this.#writer.text(nameAttribute, name);
  }

  #message(type: number, flags: number, { table }: NftPlace, fill: () => void): void {
    this.#messages += 1;
    const family = FAMILIES[table.family];
    this.#lastStart = this.#writer.message({ type, flags, sequence: this.#messages, family }, fill);
  }
}
