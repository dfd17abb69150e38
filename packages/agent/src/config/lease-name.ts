// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '@fairlead/shared/address/parsed.ts';

/** Name of a Lease, with its namespace. */
export interface LeaseName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * `name` or `namespace/name`, each a DNS label path as the API server accepts it.
 *
 * @param defaultNamespace where none is said; may be empty and filled in later
 */
export function parseLeaseName(text: string, defaultNamespace: string): Parsed<LeaseName> {
  const parts = text.split('/');
  const [first = '', second] = parts;
  const name = second ?? first;
  const namespace = second === undefined ? defaultNamespace : first;
  const valid = parts.length <= 2 && parts.every((part) => /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(part));
  return valid ? parsed({ namespace, name }) : unparsable('a Lease as name or namespace/name');
}
