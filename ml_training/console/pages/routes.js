// Which page belongs to which address. The first that fits is shown.
import { AccessPage } from "./access.js";
import { ComparePage } from "./compare.js";
import { ComparisonPage, ComparisonsPage } from "./comparisons.js";
import { NewDatasetPage } from "./dataset-new.js";
import { DatasetPage } from "./dataset.js";
import { DatasetsPage } from "./datasets.js";
import { DriftReportPage, DriftReportsPage } from "./drift.js";
import { ExplanationPage, ExplanationsPage } from "./explanations.js";
import { FleetPage } from "./fleet.js";
import { NewJobPage } from "./job-new.js";
import { JobPage } from "./job.js";
import { JobsPage } from "./jobs.js";
import { ModelPage } from "./model.js";
import { ModelsPage } from "./models.js";
import { OverviewPage } from "./overview.js";
import { NewPredictionPage } from "./prediction-new.js";
import { PredictionPage, PredictionsPage } from "./predictions.js";
import { StudiesPage } from "./studies.js";
import { StudyPage } from "./study.js";
import { TestPage, TestsPage } from "./tests.js";

export const ROUTES = [
  ["/", OverviewPage],
  ["/jobs", JobsPage],
  ["/jobs/new", NewJobPage],
  ["/jobs/:id", JobPage],
  ["/models", ModelsPage],
  ["/models/:id", ModelPage],
  ["/tests", TestsPage],
  ["/tests/:id", TestPage],
  ["/compare", ComparePage],
  ["/comparisons", ComparisonsPage],
  ["/comparisons/:id", ComparisonPage],
  ["/explanations", ExplanationsPage],
  ["/explanations/:id", ExplanationPage],
  ["/drift", DriftReportsPage],
  ["/drift/:id", DriftReportPage],
  ["/studies", StudiesPage],
  ["/studies/:id", StudyPage],
  ["/studies/:id/trials", StudyPage],
  ["/datasets", DatasetsPage],
  ["/datasets/new", NewDatasetPage],
  ["/datasets/:id", DatasetPage],
  ["/predictions", PredictionsPage],
  ["/predictions/new", NewPredictionPage],
  ["/predictions/:id", PredictionPage],
  ["/fleet", FleetPage],
  ["/access", AccessPage],
];
