// SPDX-License-Identifier: Apache-2.0
import type { Parsed } from '@fairlead/shared/address/parsed.ts';
import type { Service } from '@fairlead/shared/kubernetes/objects.ts';
import type { ServiceProblem } from './problem.ts';

/** Reads the annotations of a Service that belong together, and collects what cannot be read. */
export class AnnotationReader {
  readonly #annotations: Readonly<Record<string, string>>;
  readonly #reason: ServiceProblem['reason'];
  readonly #problems: ServiceProblem[] = [];

  /** @param reason code of all problems found */
  constructor(service: Service, reason: ServiceProblem['reason']) {
    this.#annotations = service.metadata?.annotations ?? {};
    this.#reason = reason;
  }

  get problems(): readonly ServiceProblem[] {
    return this.#problems;
  }

  /** Whether it says anything. */
  has(name: string): boolean {
    return this.#text(name) !== '';
  }

  /** The value, or the fallback where it is not given or cannot be read. A problem of `parse` says what is expected. */
  read<T, F>(name: string, parse: (text: string) => Parsed<T>, fallback: F): T | F {
    const text = this.#text(name);
    if (text === '') return fallback;
    const result = parse(text);
    if (result.ok) return result.value;
    this.report(`${name} is "${text}"; expected ${result.problem}`);
    return fallback;
  }

  report(message: string): void {
    this.#problems.push({ reason: this.#reason, message });
  }

  #text(name: string): string {
    return this.#annotations[name]?.trim() ?? '';
  }
}
