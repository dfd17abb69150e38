// SPDX-License-Identifier: Apache-2.0
/** `npm run docs`: writes what is generated in docs/. `npm test` fails when it has not been run. */
import { readFileSync, writeFileSync } from 'node:fs';
import { withReference } from '../packages/agent/src/config/reference.ts';
import { ROOT } from './checks.ts';

const page = `${ROOT}/docs/configuration.md`;
writeFileSync(page, withReference(readFileSync(page, 'utf8')));
console.log(`written: ${page}`);
