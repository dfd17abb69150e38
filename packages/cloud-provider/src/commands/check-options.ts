// SPDX-License-Identifier: Apache-2.0

/** How a report is written. */
export type CheckOutput = 'text' | 'json';

/** Exit code for a command line or file that cannot be read, apart from 1 for a ConfigMap with problems. */
export const UNUSABLE = 2;
