// SPDX-License-Identifier: Apache-2.0
/** What the agents say of themselves, through the port that their manifest opens for Prometheus. */

import type { Lab } from '@fairlead/test-lab/lab.ts';
import { hostOf } from '@fairlead/test-lab/network/plan.ts';

const STATUS_PORT = 2112;
const TIMEOUT_MS = 2_000;

/** One sample of a metric. */
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format of Prometheus; comments and what is no sample are left out. Pure. */
export function parseMetrics(text: string): readonly MetricSample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match === null) return [];
    const [, name = '', labels = '', value = ''] = match;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    return [
      {
        name,
        labels: Object.fromEntries(pairs.map(([, key = '', text = '']) => [key, text])),
        value: Number(value),
      },
    ];
  });
}

/** Is the agent of the node ready, by its own word? */
export async function isReady(lab: Lab, node: string): Promise<boolean> {
  const response = await ask(lab, node, '/readyz');
  await response.arrayBuffer();
  return response.status === 200;
}

/** All metrics of the agent of a node. */
export async function metricsOf(lab: Lab, node: string): Promise<readonly MetricSample[]> {
  return parseMetrics(await (await ask(lab, node, '/metrics')).text());
}

function ask(lab: Lab, node: string, path: string): Promise<Response> {
  const url = `http://${hostOf(lab.plan, node).ipv4}:${STATUS_PORT}${path}`;
  return fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { connection: 'close' } });
}
