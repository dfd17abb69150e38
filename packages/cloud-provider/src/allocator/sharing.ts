// SPDX-License-Identifier: Apache-2.0

/** On what terms a Service shares its addresses with others. */
export interface SharingTerms {
  readonly namespace: string;
  /** It shares with Services of other namespaces that do so too. */
  readonly acrossNamespaces: boolean;
  /** `TCP/80`, sorted. Without ports it shares with nobody: it may get any. */
  readonly ports: readonly string[];
  /** These are the ports that it had when it was admitted to its address. */
  readonly settled: boolean;
  /** Its selector in canonical form when only Services with the same one can share its addresses. */
  readonly localSelector: string | undefined;
  /** Its selector in canonical form. */
  readonly selector: string;
  /** Interface that its addresses are announced on; '' when not given. */
  readonly interface: string;
}
