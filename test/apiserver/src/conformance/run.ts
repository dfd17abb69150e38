// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type Json } from '../api/objects.ts';
import { type Answer, type ConformanceCase, PATCH_MEDIA_TYPES, type Step } from './case.ts';
import { normalize } from './normalize.ts';

/** Sends one request and returns the raw answer. */
export interface Caller {
  call(
    method: string,
    path: string,
    mediaType: string,
    body: Json | undefined,
    accept?: string,
  ): Promise<{ readonly code: number; readonly warnings: readonly string[]; readonly body: Json }>;
}

/** Runs the steps of a case in a namespace of their own; returns one answer for each step. */
export async function runCase(caller: Caller, { name, steps }: ConformanceCase): Promise<Answer[]> {
  const json = 'application/json';
  await caller.call('POST', '/api/v1/namespaces', json, { metadata: { name } });
  // A cluster without controllers makes no service account; without one no pod can be created.
  const accounts = `/api/v1/namespaces/${name}/serviceaccounts`;
  await caller.call('POST', accounts, json, { metadata: { name: 'default' } });
  const answers: Answer[] = [];
  let previous: Json = null;
  for (const step of steps) {
    const path = step.path.replaceAll('{ns}', name);
    const body = bodyOf(step, previous, name);
    const answer = await caller.call(step.method, path, mediaTypeOf(step), body, step.accept);
    previous = answer.body;
    answers.push({
      code: answer.code,
      ...(answer.warnings.length > 0 ? { warnings: answer.warnings } : {}),
      body: normalize(answer.body),
    });
  }
  return answers;
}

function mediaTypeOf(step: Step): string {
  return step.method === 'PATCH' ? PATCH_MEDIA_TYPES[step.style ?? 'merge'] : 'application/json';
}

function bodyOf(step: Step, previous: Json, namespace: string): Json | undefined {
  const body = typeof step.body === 'function' ? step.body(previous) : step.body;
  return body === undefined ? undefined : withNamespace(body, namespace);
}

function withNamespace(value: Json, namespace: string): Json {
  if (typeof value === 'string') return value.replaceAll('{ns}', namespace);
  if (Array.isArray(value)) return value.map((item: Json) => withNamespace(item, namespace));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]): [string, Json] => [
    key,
    withNamespace(item ?? null, namespace),
  ]);
  return Object.fromEntries(entries);
}
