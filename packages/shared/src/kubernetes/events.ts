// SPDX-License-Identifier: Apache-2.0
import type { Logger } from 'pino';
import type { Clock } from '../runtime/clock.ts';
import type { KubeClient } from './client.ts';
import type { KubeObject } from './objects.ts';

/** Writes Events about objects (`kubectl describe` shows them). Never throws, never makes the caller wait. */
export interface EventRecorder {
  /**
   * @param about object the Event is about; needs `apiVersion`, `kind`, `metadata.name`
   * @param reason stable code, see REASON in contract.ts
   * @param message sentence for people; cut at 1,024 bytes
   */
  event(
    about: KubeObject & { readonly kind?: string; readonly apiVersion?: string },
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void;
  /** Resolves when all Events so far are written or given up. */
  flush(): Promise<void>;
}

/** What {@link createEventRecorder} needs. */
export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Name of the program, see COMPONENT in contract.ts. */
  readonly component: string;
  /** Node the program runs on. */
  readonly host?: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Makes a recorder. */
export declare function createEventRecorder(options: EventRecorderOptions): EventRecorder;
