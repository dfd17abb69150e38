// SPDX-License-Identifier: Apache-2.0
/*
 * Rules as the kernel runs them: small steps over 16 registers of four bytes each. A concatenation is what stands in
 * consecutive registers.
 */
import type { NetlinkWriter } from './netlink-writer.ts';

/** One step. `word` counts registers from 0. */
export type NftStep =
  | {
      readonly step: 'payload';
      readonly header: 'network' | 'transport';
      readonly offset: number;
      readonly length: number;
      readonly word: number;
    }
  | { readonly step: 'protocol'; readonly word: number }
  /** A counter of the rule's own: 0, 1, … modulus - 1, 0, … */
  | { readonly step: 'turn'; readonly modulus: number; readonly word: number }
  /** Jenkins' hash of `length` bytes from register `from` on. */
  | {
      readonly step: 'hash';
      readonly from: number;
      readonly length: number;
      readonly modulus: number;
      readonly seed: number;
      readonly word: number;
    }
  | { readonly step: 'load'; readonly value: Buffer; readonly word: number }
  /** The rule ends here when the register has another value. */
  | { readonly step: 'compare'; readonly value: Buffer; readonly word: number }
  /** The rule ends here when the map has no such key. `to`: registers for the value; `verdict`: goes where the map says. */
  | {
      readonly step: 'lookup';
      readonly set: string;
      readonly word: number;
      readonly to: number | 'verdict';
    }
  /** The connection's destination becomes what stands in these registers. */
  | {
      readonly step: 'dnat';
      readonly family: 'ip' | 'ip6';
      readonly address: number;
      readonly port: number;
    }
  | { readonly step: 'goto' | 'jump'; readonly chain: string };

/** Attributes of linux/netfilter/nf_tables.h. */
const EXPRESSION = { name: 1, data: 2 } as const;
const PAYLOAD = { to: 1, base: 2, offset: 3, length: 4 } as const;
const HEADERS = { network: 1, transport: 2 } as const;
const META = { to: 1, key: 2 } as const;
const META_L4PROTO = 16;
const COMPARE = { from: 1, operator: 2, data: 3 } as const;
const COMPARE_EQUAL = 0;
const NUMGEN = { to: 1, modulus: 2, type: 3, offset: 4 } as const;
const NUMGEN_INCREMENTAL = 0;
const HASH = { from: 1, to: 2, length: 3, modulus: 4, seed: 5, type: 7 } as const;
const HASH_JENKINS = 0;
const LOOKUP = { set: 1, from: 2, to: 3 } as const;
const NAT = { type: 1, family: 2, address: 3, port: 5 } as const;
const NAT_DESTINATION = 1;
const IMMEDIATE = { to: 1, data: 2 } as const;
const VERDICT_REGISTER = 0;
const DATA = { value: 1, verdict: 2 } as const;
const VERDICT = { code: 1, chain: 2 } as const;
const VERDICT_CODES = { goto: -4, jump: -3 } as const;
const LIST_ELEMENT = 1;
/** NFPROTO_* (linux/netfilter.h). */
const NAT_FAMILIES = { ip: 2, ip6: 10 } as const;

const NAMES: Readonly<Record<NftStep['step'], string>> = {
  payload: 'payload',
  protocol: 'meta',
  turn: 'numgen',
  hash: 'hash',
  load: 'immediate',
  compare: 'cmp',
  lookup: 'lookup',
  dnat: 'nat',
  goto: 'immediate',
  jump: 'immediate',
};

/** Writes one step of a rule as the kernel wants it. */
export function writeStep(writer: NetlinkWriter, step: NftStep): void {
  writer.nested(LIST_ELEMENT, () => {
    writer.text(EXPRESSION.name, NAMES[step.step]);
    writer.nested(EXPRESSION.data, () => writeParameters(writer, step));
  });
}

/** Writes where a rule or an element leads to. */
export function writeVerdict(writer: NetlinkWriter, code: 'goto' | 'jump', chain: string): void {
  writer.nested(DATA.verdict, () => {
    writer.number(VERDICT.code, VERDICT_CODES[code]);
    writer.text(VERDICT.chain, chain);
  });
}

/** Writes a value of a register or an element. */
export function writeValue(writer: NetlinkWriter, value: Buffer): void {
  writer.raw(DATA.value, value);
}

function writeParameters(writer: NetlinkWriter, step: NftStep): void {
  switch (step.step) {
    case 'payload':
      writer.number(PAYLOAD.to, register(step.word));
      writer.number(PAYLOAD.base, HEADERS[step.header]);
      writer.number(PAYLOAD.offset, step.offset);
      writer.number(PAYLOAD.length, step.length);
      break;
    case 'protocol':
      writer.number(META.key, META_L4PROTO);
      writer.number(META.to, register(step.word));
      break;
    case 'turn':
      writer.number(NUMGEN.to, register(step.word));
      writer.number(NUMGEN.modulus, step.modulus);
      writer.number(NUMGEN.type, NUMGEN_INCREMENTAL);
      writer.number(NUMGEN.offset, 0);
      break;
    case 'hash':
      writer.number(HASH.from, register(step.from));
      writer.number(HASH.to, register(step.word));
      writer.number(HASH.length, step.length);
      writer.number(HASH.modulus, step.modulus);
      writer.number(HASH.seed, step.seed);
      writer.number(HASH.type, HASH_JENKINS);
      break;
    case 'load':
      writer.number(IMMEDIATE.to, register(step.word));
      writer.nested(IMMEDIATE.data, () => writeValue(writer, step.value));
      break;
    case 'compare':
      writer.number(COMPARE.from, register(step.word));
      writer.number(COMPARE.operator, COMPARE_EQUAL);
      writer.nested(COMPARE.data, () => writeValue(writer, step.value));
      break;
    case 'lookup':
      writer.number(LOOKUP.from, register(step.word));
      writer.number(LOOKUP.to, step.to === 'verdict' ? VERDICT_REGISTER : register(step.to));
      writer.text(LOOKUP.set, step.set);
      break;
    case 'dnat':
      writer.number(NAT.type, NAT_DESTINATION);
      writer.number(NAT.family, NAT_FAMILIES[step.family]);
      writer.number(NAT.address, register(step.address));
      writer.number(NAT.port, register(step.port));
      break;
    default:
      writer.number(IMMEDIATE.to, VERDICT_REGISTER);
      writer.nested(IMMEDIATE.data, () => writeVerdict(writer, step.step, step.chain));
  }
}

/** The kernel has two numberings, of 16 and of 4 bytes; nft uses the former where it can. */
function register(word: number): number {
  return word % 4 === 0 ? 1 + word / 4 : 8 + word;
}
