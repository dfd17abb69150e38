// SPDX-License-Identifier: Apache-2.0
import { ListWatchReflector } from './list-watch.ts';
import type { KubeObject } from './objects.ts';
import type { Reflector, ReflectorOptions } from './reflector.ts';

/** Makes a reflector; nothing happens before `start()`. */
export function createReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
  return new ListWatchReflector(options);
}
