// SPDX-License-Identifier: Apache-2.0

/*
 * Syntax of names. Every check returns what is wrong, in the words of the real API server; an empty list means fine.
 */

const LABEL_1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL_1123}(\\.${LABEL_1123})*`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED})?`;

const patterns = new Map<string, RegExp>();

function matches(pattern: string, value: string): boolean {
  const known = patterns.get(pattern) ?? new RegExp(`^(?:${pattern})$`);
  patterns.set(pattern, known);
  return known.test(value);
}

/** Checks that came later count in characters, by their words; both count bytes. */
function tooLong(value: string, maximum: number, unit: 'bytes' | 'characters'): string[] {
  return Buffer.byteLength(value) > maximum ? [`must be no more than ${maximum} ${unit}`] : [];
}

function regexMessage(text: string, pattern: string, ...examples: readonly string[]): string {
  const list = examples.map((example) => `'${example}', `).join(' or ');
  return `${text} (e.g. ${list}regex used for validation is '${pattern}')`;
}

/** A DNS label as of RFC 1123: `my-name`, `123-abc`. */
export function dns1123Label(value: string): string[] {
  const problems = tooLong(value, 63, 'characters');
  if (matches(LABEL_1123, value)) return problems;
  const text =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...problems, regexMessage(text, LABEL_1123, 'my-name', '123-abc')];
}

/** A DNS name of labels and dots. */
export function dns1123Subdomain(value: string): string[] {
  const problems = tooLong(value, 253, 'characters');
  if (matches(SUBDOMAIN, value)) return problems;
  const text =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [...problems, regexMessage(text, SUBDOMAIN, 'example.com')];
}

/** A name that can stand in a path: no `/`, no `%`, not `.` or `..`. */
export function pathSegment(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((text) => value.includes(text)).map((text) => `may not contain '${text}'`);
}

/** `name` or `prefix.example.com/name`: keys of labels and annotations, finalizers, protocols, class names. */
export function qualifiedName(value: string): string[] {
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
    problems.push(...dns1123Subdomain(prefix).map((problem) => `prefix part ${problem}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else problems.push(...tooLong(name, 63, 'bytes').map((problem) => `name part ${problem}`));
  if (!matches(QUALIFIED, name)) {
    problems.push(regexMessage(`name part ${text}`, QUALIFIED, 'MyName', 'my.name', '123-abc'));
  }
  return problems;
}

/** Value of a label; may be empty. */
export function labelValue(value: string): string[] {
  const problems = tooLong(value, 63, 'bytes');
  if (matches(LABEL_VALUE, value)) return problems;
  const text =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [...problems, regexMessage(text, LABEL_VALUE, 'MyValue', 'my_value', '12345')];
}

/** Key in a ConfigMap or Secret: a file name. */
export function configMapKey(value: string): string[] {
  const pattern = '[-._a-zA-Z0-9]+';
  const problems = tooLong(value, 253, 'characters');
  if (!matches(pattern, value)) {
    const text = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    problems.push(regexMessage(text, pattern, 'key.name', 'KEY_NAME', 'key-name'));
  }
  if (value === '.') problems.push("must not be '.'");
  else if (value === '..') problems.push("must not be '..'");
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** Name of a container port that a Service may point to (IANA service name). */
export function portName(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(value)) {
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

/** A port number. */
export function portNumber(value: number): string[] {
  return value >= 1 && value <= 65_535 ? [] : ['must be between 1 and 65535, inclusive'];
}
