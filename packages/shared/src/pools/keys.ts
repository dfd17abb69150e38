// SPDX-License-Identifier: Apache-2.0

/*
 * The keys of the ConfigMap with the pools.
 */

/** Beginnings of keys that list the addresses of a pool. */
export const POOL_KEYS = ['cidr', 'range', 'pool'] as const;
/** Beginnings of keys that hold for the Services of a namespace. */
export const NAMESPACE_KEYS = ['interface', 'allow-share'] as const;
/** Beginnings of keys that say how a pool is used. */
export const OPTION_KEYS = ['avoid', 'selector', 'auto-assign', 'on-change', 'cooldown'] as const;
/** Keys that hold for everything. */
export const GLOBAL_KEYS = [
  'search-order',
  'skip-end-ips-in-cidr',
  'requested-outside-pool',
  'data-plane',
] as const;

/** Begin the id of a named pool, and the key that lists its addresses. */
export const NAMED_PREFIX = 'pool-';

/** See {@link KeyName}. */
export type PoolKey = (typeof POOL_KEYS)[number];
/** See {@link KeyName}. */
export type NamespaceKey = (typeof NAMESPACE_KEYS)[number];
/** See {@link KeyName}. */
export type OptionKey = (typeof OPTION_KEYS)[number];
/** See {@link KeyName}. */
export type GlobalKey = (typeof GLOBAL_KEYS)[number];

/** A key taken apart: `avoid-dev` is the option `avoid` for `dev`. */
export type KeyName =
  | { readonly group: 'pool'; readonly word: PoolKey; readonly suffix: string }
  | { readonly group: 'namespace'; readonly word: NamespaceKey; readonly suffix: string }
  | { readonly group: 'option'; readonly word: OptionKey; readonly suffix: string }
  | { readonly group: 'global'; readonly word: GlobalKey; readonly suffix: '' };

/** Takes a key apart; undefined when it is none of ours. No known word begins another, so the reading is unambiguous. */
export function readKey(key: string): KeyName | undefined {
  for (const word of GLOBAL_KEYS) if (key === word) return { group: 'global', word, suffix: '' };
  const after = (word: string) =>
    key.length > word.length + 1 && key.startsWith(`${word}-`) ? key.slice(word.length + 1) : undefined;
  for (const word of POOL_KEYS) {
    const suffix = after(word);
    if (suffix !== undefined) return { group: 'pool', word, suffix };
  }
  for (const word of OPTION_KEYS) {
    const suffix = after(word);
    if (suffix !== undefined) return { group: 'option', word, suffix };
  }
  for (const word of NAMESPACE_KEYS) {
    const suffix = after(word);
    if (suffix !== undefined) return { group: 'namespace', word, suffix };
  }
  return undefined;
}

/** Whether a namespace can be called so (a DNS label). */
export function isNamespaceName(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);
}
