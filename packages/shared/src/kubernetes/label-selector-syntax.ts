// SPDX-License-Identifier: Apache-2.0

/*
 * Syntax of label keys and values. Every check returns what is wrong, in the words of the API server; an empty list means
 * fine.
 */

/** A label of a DNS name, as a pattern. */
export const LABEL_1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL_1123}(\\.${LABEL_1123})*`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED})?`;

const patterns = new Map<string, RegExp>();

/** Whether the whole value has the form of the pattern. */
export function matches(pattern: string, value: string): boolean {
  const known = patterns.get(pattern) ?? new RegExp(`^(?:${pattern})$`);
  patterns.set(pattern, known);
  return known.test(value);
}

/** A limit of length. Checks that came later count in characters, by their words; both count bytes. */
export function tooLong(value: string, maximum: number, unit: 'bytes' | 'characters'): string[] {
  return Buffer.byteLength(value) > maximum ? [`must be no more than ${maximum} ${unit}`] : [];
}

/** How a mismatch with a pattern is told. */
export function regexMessage(text: string, pattern: string, ...examples: readonly string[]): string {
  const list = examples.map((example) => `'${example}', `).join(' or ');
  return `${text} (e.g. ${list}regex used for validation is '${pattern}')`;
}

/** A DNS name of labels and dots. */
export function subdomainProblems(value: string): string[] {
  const problems = tooLong(value, 253, 'characters');
  if (matches(SUBDOMAIN, value)) return problems;
  const text =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [...problems, regexMessage(text, SUBDOMAIN, 'example.com')];
}

/** `name` or `prefix.example.com/name`: keys of labels and annotations, finalizers, protocols, class names. */
export function labelKeyProblems(value: string): string[] {
  const text =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const parts = value.split('/');
  if (parts.length > 2) {
    const message = regexMessage(`a valid label key ${text}`, QUALIFIED, 'MyName', 'my.name', '123-abc');
    return [`${message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const problems: string[] = [];
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (prefix === '') problems.push('prefix part must be non-empty');
  else if (prefix !== undefined) {
    problems.push(...subdomainProblems(prefix).map((problem) => `prefix part ${problem}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else problems.push(...tooLong(name, 63, 'bytes').map((problem) => `name part ${problem}`));
  if (!matches(QUALIFIED, name)) {
    problems.push(regexMessage(`name part ${text}`, QUALIFIED, 'MyName', 'my.name', '123-abc'));
  }
  return problems;
}

/** Value of a label; may be empty. */
export function labelValueProblems(value: string): string[] {
  const problems = tooLong(value, 63, 'bytes');
  if (matches(LABEL_VALUE, value)) return problems;
  const text =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [...problems, regexMessage(text, LABEL_VALUE, 'MyValue', 'my_value', '12345')];
}
