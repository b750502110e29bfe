package org.edgefrac.core

/** What the evidence shows: in regions; all over, though the answer is positive; or nothing to show. */
enum class Finding { LOCALISED, DIFFUSE, NOTHING }

/** What the model says of one radiograph; [milliseconds] is the network's time alone. */
class Reading(
    val probability: Double,
    val threshold: Double,
    val positive: Boolean,
    val label: String,
    val finding: Finding,
    val peak: Pair<Double, Double>,
    val regions: List<Region>,
    val foreign: Foreign?,
    val evidence: EvidenceMap,
    val placement: Placement,
    val milliseconds: Double,
)

/** From a radiograph to what is shown of it, by contract and display; each step is one that Python takes too. */
class Reader(private val contract: Contract, display: Display) {
    private val task = contract.task
    private val familiarity = Familiarity(contract, display)
    private val regions = Regions(display)
    private val overlay = Overlay(display)

    fun networkInput(radiograph: Radiograph): ByteArray = Preprocess.networkInput(radiograph.raster, contract.input.size)

    fun distance(input: ByteArray): Double? = familiarity.distance(input)

    fun read(radiograph: Radiograph, engine: Engine): Reading {
        val input = networkInput(radiograph)
        val start = System.nanoTime()
        val output = engine.run(input)
        return reading(radiograph, input, output, (System.nanoTime() - start) / 1e6)
    }

    /** What a network's [output] for [input] means on the radiograph that it was made of. */
    fun reading(radiograph: Radiograph, input: ByteArray, output: NetworkOutput, milliseconds: Double): Reading {
        val placement = Placement(radiograph.raster.width, radiograph.raster.height, contract.input.size)
        val evidence = evidence(output)
        val probability = output.probability[task.channel].toDouble()
        val positive = probability >= task.threshold
        val found = regions.of(evidence, placement, task.bias, task.temperature)
        return Reading(
            probability = probability,
            threshold = task.threshold,
            positive = positive,
            label = if (positive) task.positive else task.negative,
            finding = if (found.isNotEmpty()) Finding.LOCALISED else if (positive) Finding.DIFFUSE else Finding.NOTHING,
            peak = evidence.peak(placement),
            regions = found,
            foreign = familiarity.foreign(radiograph, input),
            evidence = evidence,
            placement = placement,
            milliseconds = milliseconds,
        )
    }

    /** The heat map over [picture], which shows the whole radiograph at any size: opaque ARGB. */
    fun painted(reading: Reading, picture: Raster): IntArray =
        overlay.painted(picture, reading.evidence, reading.placement, task.bias, task.temperature)

    private fun evidence(output: NetworkOutput): EvidenceMap {
        val (_, rows, columns, channels) = contract.evidence.shape
        return EvidenceMap(columns, rows, FloatArray(rows * columns) { output.evidence[it * channels + task.channel] })
    }
}
