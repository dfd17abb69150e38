// SPDX-License-Identifier: Apache-2.0
import { parseKubeletOptions } from './options.ts';

parseKubeletOptions(process.argv.slice(2));
