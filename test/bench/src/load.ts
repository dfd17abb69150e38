// SPDX-License-Identifier: Apache-2.0
/**
 * The load test of the case study: ab from a client at the echo application behind an address, undisturbed, and with a pod deleted or
 * killed half-way. Then, how long a pod gets requests that is dead while Kubernetes calls it ready, and what finding that
 * out costs.
 */
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import type { Benchmark } from './benchmark.ts';
import { loadFigures, loadTable } from './load/figures.ts';
import { parseLoadOptions } from './load/options.ts';
import { playLoad } from './load/session.ts';

/** Pods that are deleted, killed and dead, under load. */
export const load: Benchmark = {
  name: 'load',
  about:
    "the case study's load test, pods lost half-way [--rounds N --requests N --concurrency N --deaths N --plane PLANE]",
  run: async (say, args) => {
    const options = parseLoadOptions(args);
    await ensureLabNamespace();
    await buildPrograms();
    const record = await playLoad(options, say);
    return { figures: { plane: options.plane, ...loadFigures(record) }, table: loadTable(record) };
  },
};
