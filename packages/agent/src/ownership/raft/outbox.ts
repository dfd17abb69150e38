// SPDX-License-Identifier: Apache-2.0
import type { Body } from './messages.ts';

/** Where the parts of an agent put what they have to say; the node adds the envelope. */
export interface Outbox {
  /** `toInstance` '': whoever has the name. */
  send(to: string, toInstance: string, body: Body): void;
}
