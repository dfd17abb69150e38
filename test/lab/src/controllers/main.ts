// SPDX-License-Identifier: Apache-2.0
import { parseControllersOptions } from './options.ts';

parseControllersOptions(process.argv.slice(2));
