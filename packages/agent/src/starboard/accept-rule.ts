// SPDX-License-Identifier: Apache-2.0
import { formatCidr, parseCidr } from '@fairlead/shared/address/cidr.ts';

/** The mark by which our own rules are known again. */
const OUR_COMMENT = /^fairlead starboard \[/;
/** The one of plunder-app's starboard: its rules are taken over. */
const PEER_COMMENT = /^kube-vip rule for \[.*\]$/;
/** The kernel holds 255 bytes of a comment. */
const MAX_KEYS_LENGTH = 200;

/** What is said of a rule: the keys of the ConfigMap that ask for it. */
export function acceptComment(keys: readonly string[]): string {
  let text = keys[0] ?? '';
  let told = 1;
  while (told < keys.length && `${text},${keys[told]}`.length <= MAX_KEYS_LENGTH) {
    text += `,${keys[told]}`;
    told += 1;
  }
  const rest = keys.length > told ? `, and ${keys.length - told} more` : '';
  return `fairlead starboard [${text.slice(0, MAX_KEYS_LENGTH)}${rest}]`;
}

/** One rule of nat/PREROUTING, as `iptables -S` prints it. */
export interface ListedRule {
  /** All after `-A PREROUTING `, for deleting exactly this one. */
  readonly spec: string;
  /** It carries our mark, or that of the program that we replace. */
  readonly isTagged: boolean;
  /** Prefix and comment where it is one of those that we write, for comparing; otherwise undefined. */
  readonly identity: string | undefined;
  /** The chain it jumps to, or the target. */
  readonly target: string | undefined;
}

/** By what a rule of ours is compared with a listed one. */
export function identityOf(cidr: string, comment: string): string {
  return `${cidr} ${comment}`;
}

/** Reads what `iptables -t nat -S PREROUTING` prints. Pure. */
export function readListing(text: string): readonly ListedRule[] {
  const prefix = '-A PREROUTING ';
  return text
    .split('\n')
    .filter((line) => line.startsWith(prefix))
    .map((line) => readRule(line.slice(prefix.length)));
}

function readRule(spec: string): ListedRule {
  const words = wordsOf(spec);
  const comment = after(words, '--comment') ?? '';
  const isTagged = OUR_COMMENT.test(comment) || PEER_COMMENT.test(comment);
  const target = after(words, '-j') ?? after(words, '-g');
  return { spec, isTagged, identity: OUR_COMMENT.test(comment) ? identityIn(words) : undefined, target };
}

/** The identity when the rule is of exactly our form: nothing more may be asked for, such as an interface. */
function identityIn(words: readonly string[]): string | undefined {
  const [d, cidr = '', m, match, flag, comment = '', j, target, ...more] = words;
  const form = [d, m, match, flag, j, target].join(' ');
  if (form !== '-d -m comment --comment -j ACCEPT' || more.length > 0) return undefined;
  const read = parseCidr(cidr);
  return read.ok ? identityOf(formatCidr(read.value), comment) : undefined;
}

function after(words: readonly string[], word: string): string | undefined {
  const at = words.indexOf(word);
  return at < 0 ? undefined : words[at + 1];
}

/** Words as iptables quotes them: in double quotes where there are spaces, with a backslash before quotes and backslashes. */
function wordsOf(spec: string): readonly string[] {
  return [...spec.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '',
  );
}
