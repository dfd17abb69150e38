// SPDX-License-Identifier: Apache-2.0
import { isJsonObject } from '../api/objects.ts';
import { badRequest, StatusError } from '../api/status.ts';
import type { Collection } from '../store/collection.ts';
import type { Entry } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import { type ListOptions, versionTooLarge } from './list-options.ts';

/** One page of a list. */
export interface Page {
  readonly entries: readonly Entry[];
  /** The revision the whole list is a snapshot of. */
  readonly revision: number;
  readonly continueToken: string | undefined;
  readonly remainingItemCount: number | undefined;
}

interface Token {
  readonly revision: number;
  /** Key to go on from; `-1` revision means "whatever is there now". */
  readonly start: string;
}

const TOO_OLD =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
  'deleted between the time the first chunk was returned and now may show up in the list.';

/** Lists a collection: now, at an exact revision, or the next page of an earlier snapshot. Throws StatusError. */
export function listPage(
  store: Store,
  collection: Collection,
  namespace: string,
  options: ListOptions,
): Page {
  const token = options.continueToken === '' ? undefined : parseToken(options.continueToken);
  const revision = revisionOf(store, token, options);
  const all = entriesAt(store, collection, namespace, revision, token);
  const remaining = token === undefined ? all : all.filter((entry) => `/${entry.key}` >= token.start);
  // From its cache (version 0) the real server answers with everything, whatever the limit.
  const isCached =
    options.resourceVersion === 0 && options.resourceVersionMatch === '' && token === undefined;
  const limit = options.limit <= 0 || isCached ? Number.POSITIVE_INFINITY : options.limit;
  const { entries, next } = takePage(remaining, limit, options.matches);
  if (next === remaining.length) {
    return { entries, revision, continueToken: undefined, remainingItemCount: undefined };
  }
  return {
    entries,
    revision,
    continueToken: makeToken({ revision, start: `/${entries.at(-1)?.key ?? ''}\0` }),
    // The real server cannot count what a selector will leave over.
    remainingItemCount: options.matches === undefined ? remaining.length - next : undefined,
  };
}

/** Up to `limit` matching entries, and where to go on; there may be nothing that matches after that. */
function takePage(
  entries: readonly Entry[],
  limit: number,
  matches: ListOptions['matches'],
): { readonly entries: readonly Entry[]; readonly next: number } {
  const taken: Entry[] = [];
  for (const [index, entry] of entries.entries()) {
    if (taken.length >= limit) return { entries: taken, next: index };
    if (matches === undefined || matches(entry)) taken.push(entry);
  }
  return { entries: taken, next: entries.length };
}

function revisionOf(store: Store, token: Token | undefined, options: ListOptions): number {
  if (token !== undefined) {
    if ((options.resourceVersion ?? 0) > 0) {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    return token.revision < 0 ? store.revision : token.revision;
  }
  const asked = options.resourceVersion ?? 0;
  if (asked > store.revision) throw versionTooLarge(asked, store.revision);
  return options.resourceVersionMatch === 'Exact' ? asked : store.revision;
}

function entriesAt(
  store: Store,
  collection: Collection,
  namespace: string,
  revision: number,
  token: Token | undefined,
): readonly Entry[] {
  if (revision === store.revision) return collection.list(namespace);
  const entries = collection.listAt(revision, namespace);
  if (entries !== undefined) return entries;
  if (token === undefined) {
    throw new StatusError(410, 'Expired', 'The resourceVersion for the provided list is too old.');
  }
  throw new ExpiredTokenError(makeToken({ revision: -1, start: token.start }));
}

/** 410 with a token that goes on inconsistently, in `metadata.continue`. */
export class ExpiredTokenError extends StatusError {
  readonly continueToken: string;

  constructor(continueToken: string) {
    super(410, 'Expired', TOO_OLD);
    this.continueToken = continueToken;
  }

  override toStatus(): ReturnType<StatusError['toStatus']> {
    return { ...super.toStatus(), metadata: { continue: this.continueToken } };
  }
}

function makeToken({ revision, start }: Token): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

function parseToken(text: string): Token {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    throw badRequest('invalid continue token: continue key is not valid: not a token of this server');
  }
  if (isJsonObject(value) && value.v === 'meta.k8s.io/v1') {
    const { rv, start } = value;
    if (typeof rv === 'number' && typeof start === 'string') return { revision: rv, start };
  }
  throw badRequest(
    'invalid continue token: continue key is not valid: expected version, revision and start key',
  );
}
