// SPDX-License-Identifier: Apache-2.0

/*
 * Syntax of names. Every check returns what is wrong, in the words of the real API server; an empty list means fine.
 */

import {
  LABEL_1123,
  matches,
  regexMessage,
  tooLong,
} from '@fairlead/shared/kubernetes/label-selector-syntax.ts';

export {
  labelKeyProblems as qualifiedName,
  labelValueProblems as labelValue,
  subdomainProblems as dns1123Subdomain,
} from '@fairlead/shared/kubernetes/label-selector-syntax.ts';

/** A DNS label as of RFC 1123: `my-name`, `123-abc`. */
export function dns1123Label(value: string): string[] {
  const problems = tooLong(value, 63, 'characters');
  if (matches(LABEL_1123, value)) return problems;
  const text =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...problems, regexMessage(text, LABEL_1123, 'my-name', '123-abc')];
}

/** A name that can stand in a path: no `/`, no `%`, not `.` or `..`. */
export function pathSegment(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((text) => value.includes(text)).map((text) => `may not contain '${text}'`);
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
