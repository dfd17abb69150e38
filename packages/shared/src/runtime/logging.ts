// SPDX-License-Identifier: Apache-2.0
import { type DestinationStream, type Logger, pino } from 'pino';

export type { DestinationStream, Logger } from 'pino';

/** The levels, from quiet to loud. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What {@link createLogger} needs. */
export interface LoggerOptions {
  /** Name of the program or part. */
  readonly name: string;
  readonly level: LogLevel;
  /** Where lines go; default: standard output, written synchronously so that the last line before a crash is there. */
  readonly destination?: DestinationStream;
}

/** A logger that writes one JSON object a line, with ISO time and the level as a word. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      // pid and host name are known from the Pod; without them a line is a third shorter.
      base: { name: options.name },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: ['token', '*.token', 'authorization', '*.authorization'],
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  );
}

/**
 * The peers' `vip_loglevel` / `--log` as a level of ours: -4 debug, 0 info, 4 warn, 8 error; numbers between take the
 * louder one.
 */
export function levelFromSlog(level: number): LogLevel {
  if (level < -4) return 'trace';
  if (level < 0) return 'debug';
  if (level < 4) return 'info';
  return level < 8 ? 'warn' : 'error';
}

/** A logger that writes nothing, for tests and defaults. */
export const silentLogger: Logger = pino({ level: 'silent' });
