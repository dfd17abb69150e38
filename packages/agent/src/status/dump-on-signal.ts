// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { StatusReport } from './status-report.ts';

/** Where the signal comes from: `process`, or a stand-in for tests. */
export interface SignalSource {
  on(signal: 'SIGUSR1', listener: () => void): unknown;
}

/** The other end of {@link dumpOnSignal}. */
export interface StatusDump {
  /** From here on there is something to dump. */
  from(report: () => StatusReport): void;
}

/**
 * Writes the status into the log on each SIGUSR1, as kube-vip does. Install it first of all: without a listener Node.js
 * answers this signal by opening its debugger to whoever may connect.
 */
export function dumpOnSignal(logger: Logger, source: SignalSource = process): StatusDump {
  let report: (() => StatusReport) | undefined;
  source.on('SIGUSR1', () => {
    if (report === undefined) {
      logger.info('nothing to dump yet: the agent is starting');
      return;
    }
    try {
      logger.info({ status: report() }, 'status, on SIGUSR1');
    } catch (error) {
      logger.error({ err: error }, 'the status cannot be dumped');
    }
  });
  return {
    from: (read) => {
      report = read;
    },
  };
}
