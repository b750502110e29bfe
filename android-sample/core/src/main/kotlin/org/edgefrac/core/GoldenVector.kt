package org.edgefrac.core

/**
 * One image with all that the app must make of it, `edgefrac.app-golden/1`.
 *
 * [raster], [input] and [overlay] are paths of PNGs among the assets; [evidence] is [h·w·K], channels last.
 */
class GoldenVector(
    val name: String,
    val raster: String,
    val input: String,
    val overlay: String,
    val probability: DoubleArray,
    val evidence: DoubleArray,
    val probabilityTolerance: Double,
    val evidenceTolerance: Double,
    val label: String,
    val finding: String,
    val peak: DoubleArray,
    val regions: List<Region>,
    val distance: Double?,
) {
    companion object {
        /** Read `golden/vectors.json`. Throws a [Refusal]. */
        fun parse(text: String): List<GoldenVector> {
            val json = Json.parse(text, "golden/vectors.json").requireSchema("edgefrac.app-golden/1")
            return json["vectors"].items().map(::vector).ifEmpty { throw Refusal("golden/vectors.json holds no vector") }
        }

        private fun vector(json: Json): GoldenVector {
            fun png(kind: String) = "golden/" + json[kind].text()
            return GoldenVector(
                name = json["name"].text(),
                raster = png("raster"),
                input = png("input"),
                overlay = png("overlay"),
                probability = numbers(json["probability"]),
                evidence = json["evidence"].items().flatMap { it.items() }.flatMap { numbers(it).asList() }.toDoubleArray(),
                probabilityTolerance = json["probability_tolerance"].number(),
                evidenceTolerance = json["evidence_tolerance"].number(),
                label = json["label"].text(),
                finding = json["finding"].text(),
                peak = numbers(json["peak"]),
                regions = json["regions"].items().map(::region),
                distance = json.optional("distance")?.number(),
            )
        }

        private fun region(json: Json): Region {
            val (x, y, width, height) = numbers(json["box"]).toList()
            return Region(Box(x, y, width, height), json["log_odds"].number(), json["share"].number())
        }

        private fun numbers(json: Json): DoubleArray = json.items().map { it.number() }.toDoubleArray()
    }
}
