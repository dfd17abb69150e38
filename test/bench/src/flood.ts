// SPDX-License-Identifier: Apache-2.0
/**
 * What a well-behaved client of a Service gets while others flood it: first packets of connections from invented addresses
 * (a SYN flood), and requests as fast as they go on many connections (an HTTP flood). Each flood hits somebody else first,
 * so that its cost in processor time is there in all phases, then the Service as it is, then the Service with protection.
 */
import { ensureLabNamespace } from '@fairlead/test-lab/namespace.ts';
import { buildPrograms } from '../../../scripts/build.ts';
import type { Benchmark } from './benchmark.ts';
import { floodFigures, floodTable } from './flood/figures.ts';
import { parseFloodOptions } from './flood/options.ts';
import { playFloods } from './flood/session.ts';

/** Floods, with and without protection. */
export const flood: Benchmark = {
  name: 'flood',
  about: 'a client during a SYN flood and an HTTP flood [--rounds N --seconds N --syns N --connections N]',
  run: async (say, args) => {
    const options = parseFloodOptions(args);
    await ensureLabNamespace();
    await buildPrograms();
    const rounds = await playFloods(options, say);
    return { figures: { ...floodFigures(rounds), rounds: options.rounds }, table: floodTable(rounds) };
  },
};
