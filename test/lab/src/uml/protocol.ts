// SPDX-License-Identifier: Apache-2.0
/** What a test and the program inside a user-mode Linux tell each other over a serial line: one JSON object a line. */

/** To the guest. */
export type GuestOrder =
  | { readonly id: number; readonly argv: readonly string[] }
  /** More standard input for a program; null ends it. */
  | { readonly id: number; readonly input: string | null }
  | { readonly id: number; readonly kill: NodeJS.Signals };

/** In the place of an order that is too long for the line: a file that holds it. */
export interface OrderFile {
  readonly file: string;
}

/** From the guest. */
export type GuestNews =
  | { readonly id: number; readonly stdout: string }
  | { readonly id: number; readonly stderr: string }
  | { readonly id: number; readonly exit: number | null; readonly signal: NodeJS.Signals | null }
  /** It is up; the version of its kernel. */
  | { readonly ready: string };
