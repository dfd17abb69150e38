// SPDX-License-Identifier: Apache-2.0
/** `npm run format`: applies the formatter and the lint fixes that are safe. */
import { runStep } from './checks.ts';

process.exit(runStep('format', 'biome', ['check', '--write', '.']).ok ? 0 : 1);
