// SPDX-License-Identifier: Apache-2.0

import type { PoolConfigMap } from '@fairlead/shared/pools/pool-config.ts';
import { nearestWord } from '@fairlead/shared/runtime/nearest-word.ts';
import { isMap, isSeq, type Node, parseAllDocuments } from 'yaml';
import { readKey } from '../pools/keys.ts';
import type { Severity } from '../pools/pool.ts';
import { type CheckedConfigMap, checkConfigMap } from './check-config-map.ts';
import { type Finding, type ManifestObject, ManifestSource } from './check-source.ts';

/** What a manifest holds, as far as pools are concerned. */
export interface ManifestReport {
  /** In the order of their lines. */
  readonly findings: readonly Finding[];
  /** The ConfigMaps that were taken for the pools. */
  readonly configMaps: readonly CheckedConfigMap[];
}

/**
 * Reads a manifest, YAML or JSON, of one or several documents and lists, as `kubectl` and the cloud provider would, and tells
 * what is wrong with the ConfigMap of the pools in it. Never throws.
 */
export function checkManifest(text: string, expected: PoolConfigMap): ManifestReport {
  const findings: Finding[] = [];
  const source = new ManifestSource(text);
  const objects: ManifestObject[] = [];
  const documents = parseAllDocuments(text, { lineCounter: source.lines, keepSourceTokens: false });
  for (const document of documents) {
    for (const error of document.errors) {
      const [summary = error.message] = error.message.split('\n');
      const problem = `${summary.replace(/ at line \d+, column \d+:?$/, '')} (${error.code})`;
      findings.push({ line: source.lineAt(error.pos[0]), severity: 'error', problem });
    }
    if (document.errors.length > 0) continue;
    const inDocument = source.of(document);
    collectObjects(document.contents, inDocument, objects, findings);
  }
  const configMaps = objects.filter(({ kind }) => kind === 'ConfigMap');
  const checked = choose(configMaps, expected);
  if (checked.length === 0 && findings.length === 0) findings.push(missing(objects, expected));
  const result: CheckedConfigMap[] = [];
  for (const object of checked) {
    findings.push(...checkIdentity(object, expected, result));
    const { problems, configMap } = checkConfigMap(object);
    findings.push(...problems);
    result.push(configMap);
  }
  return { findings: findings.toSorted((a, b) => a.line - b.line), configMaps: result };
}

/** Objects, those in lists included. */
function collectObjects(
  node: unknown,
  source: ManifestSource,
  objects: ManifestObject[],
  findings: Finding[],
  seen: Set<unknown> = new Set(),
): void {
  const map = source.resolve(node);
  // By anchors a list can hold itself, or the same many times.
  if (seen.has(map)) return;
  seen.add(map);
  if (map === undefined || source.isEmpty(map)) return;
  if (!isMap(map)) {
    findings.push(problemAt(source, map, 'error', 'is no Kubernetes object; expected kind: ConfigMap'));
    return;
  }
  const items = source.resolve(source.valueOf(map, 'items'));
  const kind = source.text(source.valueOf(map, 'kind'));
  if (isSeq(items) && (kind ?? 'List').endsWith('List')) {
    for (const item of items.items) collectObjects(item, source, objects, findings, seen);
    return;
  }
  if (kind === undefined) {
    findings.push(problemAt(source, map, 'error', 'has no kind; expected kind: ConfigMap'));
    return;
  }
  const metadata = source.resolve(source.valueOf(map, 'metadata'));
  const field = (name: string) => (isMap(metadata) ? source.text(source.valueOf(metadata, name)) : undefined);
  objects.push({ map, source, kind, name: field('name') ?? '', namespace: field('namespace') });
}

function problemAt(source: ManifestSource, node: Node, severity: Severity, problem: string): Finding {
  return { line: source.lineOf(node), severity, problem };
}

/** Those that are read, and those that look as if their author thought so; else the only one there is. */
function choose(configMaps: readonly ManifestObject[], expected: PoolConfigMap): readonly ManifestObject[] {
  const likely = configMaps.filter((object) => isExpected(object, expected) || hasPoolKeys(object));
  return likely.length === 0 && configMaps.length === 1 ? configMaps : likely;
}

function namesOf({ name, legacyName }: PoolConfigMap): readonly string[] {
  return legacyName === undefined ? [name] : [name, legacyName];
}

function isExpected({ name, namespace }: ManifestObject, expected: PoolConfigMap): boolean {
  return namesOf(expected).includes(name) && (namespace ?? expected.namespace) === expected.namespace;
}

function hasPoolKeys({ map, source }: ManifestObject): boolean {
  const data = source.resolve(source.valueOf(map, 'data'));
  return isMap(data) && data.items.some((pair) => readKey(source.keyOf(pair)) !== undefined);
}

/** No ConfigMap: perhaps something of another kind was meant to be it. */
function missing(objects: readonly ManifestObject[], expected: PoolConfigMap): Finding {
  const wanted = `expected the ConfigMap ${expected.namespace}/${expected.name}`;
  const meant =
    objects.find((object) => isExpected(object, expected) || hasPoolKeys(object)) ??
    objects.find(({ kind }) => nearestWord(kind, ['ConfigMap']) !== undefined);
  if (meant === undefined) return { line: 1, severity: 'error', problem: `holds no ConfigMap; ${wanted}` };
  const { source, map } = meant;
  const kind = source.valueOf(map, 'kind');
  const problem = `is of kind ${meant.kind}; ${wanted}`;
  return { line: kind === undefined ? source.lineOf(map) : source.lineOf(kind), severity: 'error', problem };
}

/** Whether anybody will read a ConfigMap of this name. */
function checkIdentity(
  object: ManifestObject,
  expected: PoolConfigMap,
  earlier: readonly CheckedConfigMap[],
): readonly Finding[] {
  const { source, map, name, namespace } = object;
  const findings: Finding[] = [];
  const line = source.lineOf(source.resolve(source.valueOf(map, 'metadata')) ?? map);
  const apiVersion = source.text(source.valueOf(map, 'apiVersion'));
  if (apiVersion !== 'v1') {
    const problem = `apiVersion is ${apiVersion ?? 'missing'}; expected v1`;
    findings.push({
      line: source.lineOf(source.valueOf(map, 'apiVersion') ?? map),
      severity: 'error',
      problem,
    });
  }
  const place = `${expected.namespace}/${expected.name}`;
  if (!namesOf(expected).includes(name) || (namespace ?? expected.namespace) !== expected.namespace) {
    const problem = `nobody reads the ConfigMap ${namespace ?? expected.namespace}/${name}; expected ${place} (KUBEVIP_NAMESPACE and KUBEVIP_CONFIG_MAP name another)`;
    findings.push({ line, severity: 'warning', problem });
  } else if (namespace === undefined) {
    const problem = `has no namespace; expected ${expected.namespace}, or kubectl apply --namespace ${expected.namespace}`;
    findings.push({ line, severity: 'notice', problem });
  }
  if (earlier.some((other) => other.name === name && other.namespace === namespace)) {
    findings.push({
      line,
      severity: 'warning',
      problem: `is the ConfigMap ${name} once more; the last one counts`,
    });
  }
  return findings;
}
