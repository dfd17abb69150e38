// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeObject } from '@fairlead/shared/kubernetes/objects.ts';
import { Ajv } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { render } from './template/evaluate.ts';
import type { Value, ValueMap } from './template/functions.ts';
import { type Node, parseTemplate } from './template/parse.ts';

/** The chart's folder. */
export const CHART = fileURLToPath(new URL('../../../../deploy/helm/fairlead', import.meta.url));

/** How a chart is rendered, like flags of `helm template`. */
export interface RenderOptions {
  readonly namespace?: string;
  /** Over the chart's own values. */
  readonly values?: ValueMap;
  /** Objects of the cluster, by `lookup`'s arguments joined by spaces. */
  readonly objects?: ReadonlyMap<string, ValueMap>;
}

/** Objects of a text with YAML documents; empty documents are left out. @throws Error where it is no YAML */
export function objectsOf(text: string): readonly KubeObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return (document.toJS() as KubeObject | null) ?? [];
  });
}

/**
 * The chart's objects by what of Helm it uses: merged values, held to their schema, through the templates. For machines without
 * helm; where there is one, a test compares the two.
 *
 * @throws Error naming the values that the schema refuses, or what a template refuses
 */
export function renderChart(options: RenderOptions = {}): readonly KubeObject[] {
  const { values = {}, namespace = 'kube-system', objects = new Map() } = options;
  const merged = merge(parse(read('values.yaml')) as ValueMap, values);
  validate(merged);
  const chart = parse(read('Chart.yaml')) as { name: string; version: string; appVersion: string };
  const root: ValueMap = {
    Values: merged,
    Chart: { Name: chart.name, Version: chart.version, AppVersion: chart.appVersion },
    Release: { Name: 'fairlead', Namespace: namespace, Service: 'Helm' },
  };
  const files = readdirSync(join(CHART, 'templates')).sort();
  const templates = files.map((file) => ({ file, ...parseTemplate(read(`templates/${file}`)) }));
  const defines = new Map<string, readonly Node[]>(templates.flatMap((template) => [...template.defines]));
  const texts = new Map(
    templates.map(({ file, body }) => [file, render(body, root, { defines, objects })] as const),
  );
  return [...texts].filter(([file]) => file.endsWith('.yaml')).flatMap(([, text]) => objectsOf(text));
}

function validate(values: ValueMap): void {
  const ajv = new Ajv({ allErrors: true, strictTypes: false, strictRequired: false });
  const check = ajv.compile(JSON.parse(read('values.schema.json')) as object);
  if (check(values)) return;
  throw new Error(
    (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`).join('; '),
  );
}

/** As Helm does it: maps key by key, null takes a key of the chart away, everything else is replaced. */
function merge(base: ValueMap, over: ValueMap): ValueMap {
  const merged: ValueMap = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const present = merged[key];
    if (value === null && key in base) delete merged[key];
    else merged[key] = isMap(present) && isMap(value) ? merge(present, value) : value;
  }
  return merged;
}

function isMap(value: Value): value is ValueMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function read(file: string): string {
  return readFileSync(join(CHART, file), 'utf8');
}
