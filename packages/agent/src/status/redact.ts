// SPDX-License-Identifier: Apache-2.0

const RULES: readonly (readonly [RegExp, string])[] = [
  // -----BEGIN … PRIVATE KEY----- and everything like it.
  [/-----BEGIN [A-Z ]+-----[\s\S]*?(-----END [A-Z ]+-----|$)/g, '[removed]'],
  // Authorization headers as errors quote them.
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, '$1 [removed]'],
  // https://user:password@host
  [/(\w+:\/\/)[^/\s@]+@/g, '$1[removed]@'],
  // JSON Web Tokens: what a service account presents.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[removed]'],
];

/** Takes credentials out of a text that somebody else wrote (errors quote URLs and headers). Pure. */
export function redacted(text: string): string {
  return RULES.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);
}
