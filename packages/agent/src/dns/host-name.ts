// SPDX-License-Identifier: Apache-2.0

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * The DNS name that a text is meant to be, in lower case and without the root's dot; undefined: it is none. A name has a
 * dot, and its last label is no number: `banana` and `10.0.0.300` are mistakes. Pure.
 */
export function hostNameOf(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  const last = labels.at(-1) ?? '';
  const isName = labels.length > 1 && name.length <= 253 && !/^\d+$/.test(last);
  return isName && labels.every((label) => LABEL.test(label)) ? name : undefined;
}
