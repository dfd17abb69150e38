// SPDX-License-Identifier: Apache-2.0
import { forbidden, StatusError } from '../api/status.ts';
import type { Action, Authorizer } from '../auth/rbac.ts';
import type { User } from '../auth/user.ts';
import type { RequestInfo } from './request-info.ts';

/** The action that a request is, for the authorizer. A namespace counts as being inside itself. */
export function actionOf(info: RequestInfo): Action {
  if (!info.isResource) return { verb: info.verb, path: info.path };
  const { verb, group, plural, subresource } = info;
  const name = info.name === '' ? info.selectedName : info.name;
  const namespace = group === '' && plural === 'namespaces' ? info.name : info.namespace;
  return { verb, group, plural, subresource, namespace, name };
}

/** Throws the 403 of the real API server when the user may not do what the request asks. */
export function authorize(authorizer: Authorizer, user: User, info: RequestInfo): void {
  const action = actionOf(info);
  if (authorizer.allows(user, action)) return;
  const who = `User ${JSON.stringify(user.name)} cannot ${action.verb}`;
  if (!('plural' in action)) {
    throw new StatusError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(action.path)}`, {});
  }
  const full = action.subresource === '' ? action.plural : `${action.plural}/${action.subresource}`;
  const scope = action.namespace === '' ? 'at the cluster scope' : `in the namespace "${action.namespace}"`;
  const why = `${who} resource "${full}" in API group "${action.group}" ${scope}`;
  throw forbidden({ group: action.group, plural: action.plural }, action.name, why);
}
