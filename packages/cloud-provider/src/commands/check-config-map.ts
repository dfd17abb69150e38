// SPDX-License-Identifier: Apache-2.0

import { poolDataOf } from '@fairlead/shared/pools/pool-config.ts';
import { isMap, type Pair } from 'yaml';
import { readKey } from '../pools/keys.ts';
import { parsePools } from '../pools/parse.ts';
import type { PoolProblem, Pools } from '../pools/pool.ts';
import type { Finding, ManifestObject, ManifestSource } from './check-source.ts';

/** A ConfigMap of a manifest, read as the cloud provider would read it. */
export interface CheckedConfigMap {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly line: number;
  readonly pools: Pools;
}

/** Checks what the ConfigMap says. */
export function checkConfigMap({ map, source, name, namespace }: ManifestObject): {
  readonly problems: readonly Finding[];
  readonly configMap: CheckedConfigMap;
} {
  const findings: Finding[] = [];
  const pairs = new Map<string, Pair>();
  const values: Record<string, string> = {};
  for (const pair of fieldPairs(source, map, 'data', findings)) {
    const key = source.keyOf(pair);
    pairs.set(key, pair);
    const line = source.lineOf(pair.key);
    const problem = keyProblem(key);
    if (problem !== undefined) findings.push({ line, severity: 'error', key, problem });
    const misfit = source.misfit(pair.value);
    if (misfit !== undefined) findings.push(misfitOf(source, pair, key, misfit));
    // What is meant is plain, and may be wrong in other ways, too.
    const text = source.text(pair.value) ?? source.bareText(pair.value);
    if (text !== undefined) values[key] = text;
  }
  for (const pair of fieldPairs(source, map, 'binaryData', findings)) {
    const key = source.keyOf(pair);
    if (readKey(key) === undefined) continue;
    const problem = 'has no effect under binaryData; expected it under data';
    findings.push({ line: source.lineOf(pair.key), severity: 'warning', key, problem });
  }
  const pools = parsePools(poolDataOf({ data: values }));
  for (const problem of pools.problems) findings.push(findingOf(problem, pairs.get(problem.key), source));
  return { problems: findings, configMap: { name, namespace, line: source.lineOf(map), pools } };
}

/** The pairs of a field that is a mapping. */
function fieldPairs(
  source: ManifestSource,
  map: ManifestObject['map'],
  field: string,
  findings: Finding[],
): readonly Pair[] {
  const node = source.resolve(source.valueOf(map, field));
  if (isMap(node)) return node.items;
  if (node !== undefined && !source.isEmpty(node)) {
    const problem = `${field} is no mapping; expected keys with values`;
    findings.push({ line: source.lineOf(node), severity: 'error', problem });
  }
  return [];
}

function keyProblem(key: string): string | undefined {
  if (/^[-._a-zA-Z0-9]{1,253}$/.test(key) && !/^\.\.?$|^\.\./.test(key)) return undefined;
  return 'the API server refuses this key; expected letters, digits, -, _ and . only, at most 253';
}

function misfitOf(source: ManifestSource, pair: Pair, key: string, misfit: string): Finding {
  const line = source.lineOf(pair.key);
  const written = source.written(pair.value);
  if (misfit === 'nothing') {
    return { line, severity: 'warning', key, problem: 'has no value, and so has no effect' };
  }
  const quoted = misfit.startsWith('a boolean') || misfit === 'a number' ? `"${written}" in quotes` : 'text';
  const problem = `is ${misfit}, which the API server refuses; expected ${quoted}`;
  return { line, severity: 'error', key, value: written, problem };
}

function findingOf(
  { key, value, severity, problem, nearestKey, offset }: PoolProblem,
  pair: Pair | undefined,
  source: ManifestSource,
): Finding {
  const keyLine = source.lineOf(pair?.key);
  const line = offset === undefined ? keyLine : source.lineOfEntry(pair?.value, value, offset, keyLine);
  return { line, severity, key, value, problem, ...(nearestKey !== undefined && { nearestKey }) };
}
