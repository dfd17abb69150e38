// SPDX-License-Identifier: Apache-2.0

/** Engines under which an agent has to be silent when it is dead. */
export const ENGINES = ['lease', 'raft'] as const;
