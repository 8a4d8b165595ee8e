/** The API over services that only remember what they were asked. */
import { type ApiOptions, createApi } from "../../routes/api/api.ts";
import type { Services } from "../../runtime/ports/services.ts";
import { fakeServices } from "./fake_services.ts";

/** The app, whose faults are told to nobody. */
export function appOver(over: Partial<Services> = {}, options: ApiOptions = {}) {
  const services = fakeServices(over);
  return { services, app: createApi(services, { report: () => {}, ...options }) };
}

/** Asks the app, and reads what it answers. */
export function api(over: Partial<Services> = {}, options: ApiOptions = {}) {
  const { services, app } = appOver(over, options);
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await app.request(path, init);
    const text = await response.text();
    const type = response.headers.get("content-type");
    const json = text !== "" && type !== null && type.includes("json");
    return { response, status: response.status, type, text, body: json ? JSON.parse(text) : null };
  };
  return { ask, asked: services.asked };
}

/** Services whose questions of metrics fail. */
export const failing = (error: unknown): Partial<Services> => ({
  serving: { ...fakeServices().serving, query: () => Promise.reject(error) },
});
