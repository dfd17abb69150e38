// SPDX-License-Identifier: Apache-2.0
/** `npm run check`: types, lint and format. */
import { runStaticChecks } from './checks.ts';

process.exit(runStaticChecks().every((step) => step.ok) ? 0 : 1);
