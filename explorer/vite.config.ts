import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

/** `npm run dev` forwards /api to a running server: python -m tests.server.fakes --origin http://localhost:5173 */
const server = process.env.DEEPSPACE_SERVER ?? "http://127.0.0.1:8766";

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  build: {
    outDir: "../src/deepspace/server/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": { target: server, ws: true, changeOrigin: true } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
