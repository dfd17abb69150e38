// SPDX-License-Identifier: Apache-2.0
import type { Json } from '../api/objects.ts';

/** How a PATCH body is meant. */
export type PatchStyle = 'json' | 'merge' | 'strategic' | 'apply';

/** One request. */
export interface Step {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query; `{ns}` stands for the namespace of the case. */
  readonly path: string;
  readonly style?: PatchStyle;
  /** `Accept` header; JSON when absent. */
  readonly accept?: string;
  /** A body, or what makes one of the answer before (for a PUT of what a GET returned). */
  readonly body?: Json | ((previous: Json) => Json);
}

/** Requests that belong together; each case has a namespace of its own. */
export interface ConformanceCase {
  /** Unique; also names the namespace, so: a DNS label. */
  readonly name: string;
  readonly steps: readonly Step[];
}

/** What came back, without what differs from run to run. */
export interface Answer {
  readonly code: number;
  readonly warnings?: readonly string[];
  readonly body: Json;
}

/** Recorded answers of a real server, by case. */
export type Recording = ReadonlyMap<string, readonly Answer[]>;

/** Media types of patches. */
export const PATCH_MEDIA_TYPES: Readonly<Record<PatchStyle, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};
