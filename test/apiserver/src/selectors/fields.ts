// SPDX-License-Identifier: Apache-2.0
import type { ApiObject } from '../api/objects.ts';
import { badRequest } from '../api/status.ts';

/** The fields a kind can be selected by, each with the way to read it as text. */
export type FieldReaders = Readonly<Record<string, (object: ApiObject) => string>>;

/** One `field=value` of a field selector. */
export interface FieldRequirement {
  readonly field: string;
  readonly value: string;
  readonly negated: boolean;
}

/**
 * Parses `a=b,c==d,e!=f`, with backslash escapes. Throws a 400 for a term without operator and for a field that
 * the kind does not support; `unsupported` makes the message, because kinds word it differently.
 */
export function parseFieldSelector(
  text: string,
  readers: FieldReaders,
  unsupported: (field: string) => string,
): FieldRequirement[] {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text)) {
    const match = /^((?:[^\\=!]|\\.)*)(!=|==|=)([\s\S]*)$/.exec(term);
    if (!match) {
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    const [, field = '', operator, value = ''] = match;
    if (readers[field] === undefined) throw badRequest(unsupported(field));
    requirements.push({ field, value: value.replace(/\\([\\,=])/g, '$1'), negated: operator === '!=' });
  }
  return requirements;
}

/** One test of an object for all requirements; `undefined` when there are none. */
export function fieldMatcher(
  requirements: readonly FieldRequirement[],
  readers: FieldReaders,
): ((object: ApiObject) => boolean) | undefined {
  if (requirements.length === 0) return undefined;
  const tests = requirements.map(({ field, value, negated }) => {
    const read = readers[field] ?? (() => '');
    return (object: ApiObject) => (read(object) === value) !== negated;
  });
  return (object) => tests.every((test) => test(object));
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let current = '';
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charAt(index);
    if (char === '\\') {
      current += char + text.charAt(index + 1);
      index += 1;
    } else if (char === ',') {
      terms.push(current);
      current = '';
    } else current += char;
  }
  terms.push(current);
  return terms.filter((term) => term !== '');
}
