import { getConfig } from "../api/client";
import { ApiError } from "../api/problem";
import type { Config, Model, Problem } from "../api/types";

const modelKey = "gatepass:model";

/** What this installation offers: models, preset servers, addresses. */
class Installation {
  config = $state<Config | null>(null);
  problem = $state<Problem | null>(null);
  #chosen = $state<string | null>(read());

  models = $derived<Model[]>(this.config?.models ?? []);
  model = $derived<Model | null>(this.models.find((model) => model.id === this.#chosen) ?? this.models[0] ?? null);

  async load(): Promise<void> {
    try {
      this.config = await getConfig();
      this.problem = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.problem = error.problem;
    }
  }

  choose(id: string): void {
    this.#chosen = id;
    try {
      localStorage.setItem(modelKey, id);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(modelKey);
  } catch {
    return null;
  }
}

export const installation = new Installation();
